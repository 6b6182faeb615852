//! A connection in each state that can be exported.

use hybi::connection::Writer;
use hybi::{Limits, Message};

use super::*;

/// The bytes of a connection and its buffers, and what it is the state of.
pub(crate) struct Exported {
    pub(crate) name: &'static str,
    pub(crate) is_server: bool,
    pub(crate) bytes: Vec<u8>,
}

/// A frame that this role receives, or the start of one that has `len` bytes.
pub(crate) fn incoming<R: Role>(first: u8, len: usize, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if R::IS_SERVER { 0x80 } else { 0 };
    let mut frame = match len {
        0..=125 => vec![first, mask_bit | len as u8],
        126..=0xffff => [&[first, mask_bit | 126][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[first, mask_bit | 127][..], &(len as u64).to_be_bytes()].concat(),
    };
    if R::IS_SERVER {
        frame.extend(KEY);
        frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        frame.extend(payload);
    }
    frame
}

fn frame<R: Role>(first: u8, payload: &[u8]) -> Vec<u8> {
    incoming::<R>(first, payload.len(), payload)
}

/// A function that brings a state about.
type Act<R> = fn(&mut Peer<R>);

/// Every state of both halves.
fn acts<R: Remade>() -> Vec<(&'static str, Mode, Act<R>)> {
    vec![
        ("new", Mode::Copied, |_| {}),
        ("in a header", Mode::Copied, |peer| peer.feed(&frame::<R>(0x81, &[b'x'; 300])[..3])),
        ("in a text", Mode::Copied, |peer| {
            peer.feed(&incoming::<R>(0x81, 300, "caf\u{e9} \u{20ac}".as_bytes())[..]);
            peer.feed(&[0xe2 ^ if R::IS_SERVER { KEY[1] } else { 0 }]); // the start of a code point
        }),
        ("in binary", Mode::Copied, |peer| peer.feed(&incoming::<R>(0x02, 70_000, &[7; 50]))),
        ("between fragments", Mode::Copied, |peer| peer.feed(&frame::<R>(0x02, &[7; 50]))),
        ("in the header of a fragment", Mode::Copied, |peer| {
            peer.feed(&[frame::<R>(0x01, b"abc"), vec![0x80]].concat());
        }),
        ("in a ping", Mode::Copied, |peer| peer.feed(&incoming::<R>(0x89, 9, b"ping"))),
        ("in a Close frame between fragments", Mode::Copied, |peer| {
            peer.feed(&[frame::<R>(0x01, b"abc"), incoming::<R>(0x88, 9, b"\x03\xe8b")].concat());
        }),
        ("in place, binary", Mode::InPlace, |peer| {
            peer.feed(&incoming::<R>(0x82, 40_000, &[7; 20_000]));
        }),
        ("in place, ASCII", Mode::InPlace, |peer| {
            peer.feed(&incoming::<R>(0x81, 4_000, &[b'a'; 2_000]));
        }),
        ("in place, text", Mode::InPlace, |peer| {
            let text = "a\u{e9}".repeat(20);
            peer.feed(&incoming::<R>(0x81, 4_000, &text.as_bytes()[..40]));
        }),
        ("in chunks", Mode::Chunks, |peer| peer.feed(&incoming::<R>(0x81, 300, b"abc\xc3"))),
        ("before a violation", Mode::Chunks, |peer| {
            peer.mode = Mode::Copied; // so that `feed` receives nothing
            peer.inbox.append(&frame::<R>(0x81, b"abc\xff"));
            let chunk = peer.ws.receive_chunk(&mut peer.inbox.input(), &mut peer.out);
            assert!(matches!(chunk, Ok(Some(ChunkEvent::Chunk(_)))));
        }),
        ("failed", Mode::Copied, |peer| peer.feed(&frame::<R>(0x83, b""))),
        ("closed", Mode::Copied, |peer| peer.feed(&frame::<R>(0x88, b""))),
        ("cut off between messages", Mode::Copied, |peer| {
            assert!(peer.ws.end_of_input(&mut peer.out).is_err());
        }),
        ("cut off in a header", Mode::Copied, |peer| {
            peer.feed(&[0x81]);
            assert!(peer.ws.end_of_input(&mut peer.out).is_err());
        }),
        ("cut off in a pong", Mode::Copied, |peer| {
            peer.feed(&incoming::<R>(0x8a, 9, b"pong"));
            assert!(peer.ws.end_of_input(&mut peer.out).is_err());
        }),
        ("cut off in a message", Mode::Copied, |peer| {
            peer.feed(&incoming::<R>(0x82, 9, b"abc"));
            assert!(peer.ws.end_of_input(&mut peer.out).is_err());
        }),
        ("sending text in parts", Mode::Copied, |peer| {
            peer.ws.send_part("abc", &mut peer.out).unwrap();
        }),
        ("sending binary in parts", Mode::Copied, |peer| {
            peer.ws.send_part(&[7; 10], &mut peer.out).unwrap();
        }),
        ("our Close frame sent", Mode::Copied, |peer| {
            peer.ws.close(hybi::CloseCode::NORMAL, "bye", &mut peer.out).unwrap();
        }),
        ("a pong held back", Mode::Copied, |peer| {
            peer.ws.send(&[7; 70_000], &mut peer.out).unwrap();
            peer.feed(&frame::<R>(0x89, b"ping"));
        }),
        ("a ping after the end of the output", Mode::Copied, |peer| {
            peer.ws.send(&[7; 70_000], &mut peer.out).unwrap();
            peer.ws.writer().end_of_output();
            peer.feed(&frame::<R>(0x89, b"ping"));
        }),
        ("long messages unsent", Mode::Copied, |peer| {
            let long = Message::from(vec![7; 70_000]);
            peer.ws.send_owned(long.clone(), &mut peer.out).unwrap();
            let half = peer.out.front().len() / 2;
            peer.out.sent(half);
            peer.ws.send_owned(long, &mut peer.out).unwrap();
        }),
    ]
}

/// An export of each state, with and without compression agreed on.
pub(crate) fn all() -> Vec<Exported> {
    let mut all = of::<Server>();
    all.extend(of::<Client<Keys>>());
    all
}

fn of<R: Remade>() -> Vec<Exported> {
    let mut all = Vec::new();
    #[cfg(not(feature = "deflate"))]
    let agreements = [None];
    #[cfg(feature = "deflate")]
    let agreements = [None, Some(agreed(""))];
    for agreed in agreements {
        for (name, mode, act) in acts::<R>() {
            let mut peer = Peer::<R>::new(agreed, mode);
            act(&mut peer);
            let bytes = peer.export().unwrap_or_else(|error| panic!("{name}: {error}"));
            all.push(Exported { name, is_server: R::IS_SERVER, bytes });
        }
    }
    all
}

#[cfg(feature = "deflate")]
pub(crate) fn agreed(parameters: &str) -> Agreed {
    use hybi::extension::{Offers, deflate};
    let offer = format!("permessage-deflate{parameters}");
    deflate::respond(&deflate_config(), Offers::new(offer.as_bytes()).map(Result::unwrap)).unwrap()
}

/// The length of the first record.
pub(crate) fn record_len(bytes: &[u8]) -> usize {
    14 + u64::from_be_bytes(bytes[6..14].try_into().unwrap()) as usize
}

#[test]
fn every_state_is_as_before_in_another_process() {
    fn check<R: Remade>() {
        for (name, mode, act) in acts::<R>() {
            let mut peer = Peer::<R>::new(None, mode);
            act(&mut peer);
            let (state, transport) = (peer.ws.ready_state(), peer.ws.transport());
            let (unsent, unread) = (peer.out.clone(), peer.inbox.unread().to_vec());
            let left = peer.ws.message_bytes_left();
            peer.hand_over().unwrap();
            assert_eq!((peer.ws.ready_state(), peer.ws.transport()), (state, transport), "{name}");
            assert_eq!((&peer.out, peer.inbox.unread()), (&unsent, &unread[..]), "{name}");
            assert_eq!(peer.ws.message_bytes_left(), left, "{name}");
        }
    }
    check::<Server>();
    check::<Client<Keys>>();
}

/// The exports are small: what the documentation promises.
#[test]
fn an_export_has_what_is_in_memory_and_little_more() {
    for Exported { name, bytes, .. } in all() {
        let reader = record_len(&bytes);
        let len = reader + record_len(&bytes[reader..]);
        assert!(len < 400, "{name}: {len} bytes");
    }
}

/// A writer goes on in the middle of a message, also of a compressed one.
#[test]
fn a_message_in_parts_goes_on_in_another_process() {
    #[cfg(not(feature = "deflate"))]
    let agreements = [None];
    #[cfg(feature = "deflate")]
    let agreements = [None, Some(agreed("")), Some(agreed("; server_no_context_takeover"))];
    let parts = ["Hello, hello, ", "", "hello, hello, world", ""];
    for agreed in agreements {
        let mut peer = Peer::<Server>::new(agreed, Mode::Copied);
        let mut other = Peer::<Client<Keys>>::new(agreed, Mode::Copied);
        for message in 0..3 {
            for part in parts {
                peer.ws.send_part(part, &mut peer.out).unwrap();
                peer.hand_over().unwrap();
            }
            let last = ["", "!"][message % 2];
            peer.ws.send_last_part(last, &mut peer.out).unwrap();
            peer.hand_over().unwrap();
            other.feed(&peer.out.take());
            let text = parts.concat() + last;
            assert_eq!(other.seen.pop(), Some(Seen::Event(Event::Text(text.into()))));
        }
    }
}

/// Halves are exported like the whole, and each by itself.
#[test]
fn halves_make_the_same_records() {
    let mut peer = Peer::<Server>::new(None, Mode::Copied);
    peer.feed(&incoming::<Server>(0x81, 9, b"abc"));
    peer.ws.send_part("abc", &mut peer.out).unwrap();
    let mut whole = Vec::new();
    peer.ws.export(&mut whole).unwrap();

    let (reader, writer) = peer.ws.split();
    let mut halves = Vec::new();
    reader.export(&mut halves).unwrap();
    let middle = halves.len();
    writer.export(&mut halves);
    assert_eq!(halves, whole);

    let writer = Writer::import(Server, &config(), &mut &halves[middle..]).unwrap();
    assert_eq!(writer.may_send_message(), Err(hybi::UsageError::MessageInProgress));
    let reader =
        hybi::connection::Reader::<Server>::import(&config(), &mut &halves[..middle]).unwrap();
    assert_eq!(reader.message_bytes_left(), Some(9));
}

/// A message in chunks may have a limit of its own. It goes along, and another process may give it
/// another.
#[test]
fn a_message_beyond_the_limits_in_chunks_goes_on() {
    let text = "\u{20ac}".repeat(100);
    for max in [0, 2, 10] {
        let limits = Limits::default().message_bytes_max(max).frame_bytes_max(max / 2);
        let tight = Config::default().limits(limits);
        goes_on_in_chunks(tight, &incoming::<Server>(0x82, 300, &[7; 300]));
        goes_on_in_chunks(tight, &incoming::<Server>(0x81, 300, text.as_bytes()));
    }
}

fn goes_on_in_chunks(tight: Config, wire: &[u8]) {
    let receive = |ws: &mut Connection<Server>, piece: &[u8]| {
        let (mut piece, mut bytes, mut last) = (piece.to_vec(), Vec::new(), false);
        let mut input = hybi::Input::new(&mut piece);
        while let Some(event) =
            ws.receive_chunk_within(300, &mut input, &mut Outbox::new()).unwrap()
        {
            let ChunkEvent::Chunk(chunk) = event else { panic!("{event:?}") };
            bytes.extend_from_slice(chunk.data.as_bytes());
            last = chunk.last;
        }
        (bytes, last)
    };
    let (whole, _) = receive(&mut Connection::server(tight), wire);
    for at in 0..wire.len() {
        let mut original = Connection::server(tight);
        let (front, back) = wire.split_at(at);
        let (mut bytes, _) = receive(&mut original, front);
        let mut exported = Vec::new();
        original.export(&mut exported).unwrap();
        let mut import = Connection::import(Server, &tight, &mut &exported[..]).unwrap();
        let (rest, last) = receive(&mut import, back);
        bytes.extend(rest);
        assert!(last && bytes == whole, "cut at {at}");

        // If it is received whole from there on, that is as before, too.
        let mut import = Connection::import(Server, &tight, &mut &exported[..]).unwrap();
        let received = [&mut original, &mut import].map(|ws| {
            let mut back = back.to_vec();
            let received = ws.receive(&mut hybi::Input::new(&mut back), &mut Outbox::new());
            received.map(|event| event.map(Event::into_owned))
        });
        assert_eq!(received[0], received[1], "cut at {at}");
    }
}
