//! The opening handshake, passed on as it is but for the `Host`: the key of the client and the
//! answer of the server belong together. What they have agreed on is read in passing.

use std::io::{self, ErrorKind, Read, Write};

use hybi::handshake::{HeadLimits, Key, Request, Response, ResponseParts, ServerHandshake};
use hybi::{Inbox, Outbox, escaped};

use crate::tls::Socket;
use crate::{Server, say};

/// A longer head is not passed on.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The protocol that the two sides have agreed on.
pub(crate) enum Agreed {
    /// WebSocket without extensions.
    Nothing,
    /// WebSocket with permessage-deflate.
    Deflate,
    /// Something else: no WebSocket at all, or one with an extension that we do not know.
    Unknown,
}

/// The outcome of a request.
pub(crate) struct Opened {
    /// Bytes after the head, from either side.
    pub(crate) from_client: Inbox,
    pub(crate) from_server: Inbox,
    pub(crate) agreed: Agreed,
}

/// A head, with its empty line, and the bytes that came after it.
pub(crate) struct Head {
    bytes: Vec<u8>,
    rest: Inbox,
}

/// Reads a head. Returns `None` if the other end has gone without one.
pub(crate) fn receive(socket: &mut Socket) -> io::Result<Option<Head>> {
    let mut bytes = Vec::new();
    let mut read = [0; 4 << 10];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let mut rest = Inbox::new();
            rest.append(&bytes.split_off(end + 4));
            return Ok(Some(Head { bytes, rest }));
        }
        if bytes.len() > HEAD_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the head is too long"));
        }
        match socket.read(&mut read) {
            Ok(0) if bytes.is_empty() => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => bytes.extend_from_slice(&read[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Passes the request and its response on, and prints what they say.
pub(crate) fn exchange(
    number: usize,
    request: Head,
    settings: &Server,
    client: &mut Socket,
    server: &mut Socket,
) -> io::Result<Opened> {
    let Head { mut bytes, rest: from_client } = request;
    let mut copy = bytes.clone();
    let (mut handshake, mut refusal) = (ServerHandshake::new(HeadLimits::default()), Outbox::new());
    let parsed = match handshake.receive(&mut hybi::Input::new(&mut copy), &mut refusal) {
        Ok(Some(request)) => request,
        Ok(None) => return Err(ErrorKind::UnexpectedEof.into()),
        Err(error) => {
            client.write_all(refusal.front())?;
            return Err(io::Error::other(error));
        }
    };
    say(format_args!(
        "#{number} client  {} {}{}",
        escaped(parsed.method()),
        escaped(parsed.target()),
        list(" offers ", parsed.field("Sec-WebSocket-Extensions")),
    ));
    if let (true, Err(error)) = (parsed.is_upgrade(), parsed.check()) {
        say(format_args!("#{number} client  {error}"));
    }
    if let Some(host) = &settings.host {
        bytes = with_host(&bytes, host);
    }
    if settings.prints_heads {
        print(number, "client", &bytes);
    }
    server.write_all(&bytes)?;
    let head = match receive(server)? {
        Some(head) => head,
        None => return Err(ErrorKind::UnexpectedEof.into()),
    };
    client.write_all(&head.bytes)?;
    let agreed = agreed(number, &parsed, &head.bytes);
    if settings.prints_heads {
        print(number, "server", &head.bytes);
        // As much of the body as has come with the head.
        if let Agreed::Unknown = agreed {
            let body = head.rest.unread();
            print(number, "server", &body[..body.len().min(settings.payload_bytes_max)]);
        }
    }
    Ok(Opened { from_client, from_server: head.rest, agreed })
}

/// Reads what a response agrees to, and prints it.
fn agreed(number: usize, request: &Request<'_>, head: &[u8]) -> Agreed {
    let (status, fields) = split(head);
    let parts = ResponseParts::new(status).fields(&fields);
    let response = match Response::from_parts(&parts) {
        Ok(response) => response,
        Err(error) => {
            say(format_args!("#{number} server  {error}"));
            return Agreed::Unknown;
        }
    };
    let extensions = response.field("Sec-WebSocket-Extensions");
    say(format_args!(
        "#{number} server  {}{}{}",
        response.status(),
        list(" speaks ", response.field("Sec-WebSocket-Protocol")),
        list(" with ", extensions),
    ));
    let upgrade = response.field("Upgrade").unwrap_or_default();
    if response.status() != 101 || !upgrade.eq_ignore_ascii_case(b"websocket") {
        return Agreed::Unknown;
    }
    let key = request.field("Sec-WebSocket-Key").and_then(Key::parse);
    let answer = key.map(|key| key.accept());
    if response.field("Sec-WebSocket-Accept") != answer.as_ref().map(|key| &key.as_bytes()[..]) {
        say(format_args!("#{number} server  Sec-WebSocket-Accept does not answer the key"));
    }
    let extensions = response.extensions().collect::<Result<Vec<_>, _>>();
    match extensions.as_deref() {
        Ok([]) => Agreed::Nothing,
        Ok([only]) if only.name() == "permessage-deflate" => Agreed::Deflate,
        _ => {
            say(format_args!("#{number} speaks with extensions that this program cannot read"));
            Agreed::Unknown
        }
    }
}

/// Prints the lines of a head, as it is passed on.
fn print(number: usize, side: &str, lines: &[u8]) {
    for line in String::from_utf8_lossy(lines.trim_ascii_end()).lines() {
        say(format_args!("#{number} {side}    {}", escaped(line)));
    }
}

/// Prints the value of a field, if there is one.
fn list(before: &str, value: Option<&[u8]>) -> String {
    value.map_or_else(String::new, |value| {
        format!("{before}{}", escaped(&String::from_utf8_lossy(value)))
    })
}

/// The fields of a head: names and values.
type Fields<'h> = Vec<(&'h [u8], &'h [u8])>;

/// Splits the head of a response: its status, 0 if there is none, and its fields.
fn split(head: &[u8]) -> (u16, Fields<'_>) {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next().and_then(|line| line.split(|byte| *byte == b' ').nth(1));
    let status = status.and_then(|status| str::from_utf8(status).ok()?.parse().ok()).unwrap_or(0);
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        Some((name, value[1..].trim_ascii()))
    });
    (status, fields.collect())
}

/// Replaces the `Host` of a request.
fn with_host(head: &[u8], host: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(head.len() + host.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if line.len() >= 5 && line[..5].eq_ignore_ascii_case(b"host:") {
            replaced.extend_from_slice(format!("Host: {host}\r\n").as_bytes());
        } else {
            replaced.extend_from_slice(line);
        }
    }
    replaced
}
