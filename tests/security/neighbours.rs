//! Class 21: what one peer does harms others. That of the examples' hub is in `tests/systems`.

use hybi::connection::Prepared;
use hybi::{Config, Connection, Event, Inbox, Limits, Outbox, ProtocolError, Server};

use crate::common::*;

const MESSAGE_MAX: u64 = 64 << 10;

/// One of several connections that hear what any of them says.
struct Member {
    ws: Connection<Server>,
    inbox: Inbox,
    out: Outbox,
}

/// Passes on what `from` has sent to all others.
fn broadcast(members: &mut [Member], from: usize, wire: &[u8]) -> Result<(), ProtocolError> {
    let Member { ws, inbox, out } = &mut members[from];
    inbox.append(wire);
    let mut said = Vec::new();
    let mut input = inbox.input();
    while let Some(event) = ws.receive(&mut input, out)? {
        if let Event::Binary(payload) = event {
            said.push(Prepared::new(&payload));
        }
    }
    for (_, member) in members.iter_mut().enumerate().filter(|(number, _)| *number != from) {
        for message in &said {
            member.ws.send_prepared(message, &mut member.out).unwrap();
        }
    }
    Ok(())
}

/// A message that is too long for the queues of others is refused by its sender's limit, at its header.
#[test]
fn class_21_a_message_over_the_limit_fails_its_sender_and_nobody_else() {
    let limits = Limits::default().message_bytes_max(MESSAGE_MAX);
    let mut members: Vec<_> = (0..5)
        .map(|_| Member {
            ws: Connection::server(Config::default().limits(limits)),
            inbox: Inbox::new(),
            out: Outbox::new(),
        })
        .collect();
    let len = 256 << 10;
    let header = Side::Server.incoming_part(0x82, len, b"");
    let violation = broadcast(&mut members, 0, &header).unwrap_err();
    assert_eq!(violation, ProtocolError::MessageTooBig { len });
    assert_eq!(members[0].out, Side::Server.failure(1009, violation));

    assert!(members[1..].iter().all(|member| member.out.is_empty()), "nobody else notices");
    let longest = vec![7; MESSAGE_MAX as usize];
    broadcast(&mut members[1..], 0, &Side::Server.incoming(0x82, &longest)).unwrap();
    for member in &members[2..] {
        assert_eq!(member.out, Side::Server.outgoing(0x82, &longest));
    }
}
