//! Our side of the conversations with other implementations: `server` and `client`, see `run.sh`.
//!
//! A server prints a line for each mode that it serves, `MODE PORT`, and echoes. A client reads
//! such lines, sends messages in each mode, and compares what comes back. A mode is one of these:
//!
//! - `plain`: no compression;
//! - `9+`, `15-`: window bits, and whether there is context takeover;
//! - `bare`: windows of 10 bits, but the client does not let the server limit its own;
//! - `fallback`: we ask for 10 bits and no takeover of a peer that need not grant it.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::thread;

use hybi::blocking::{self, ClientSocket, Connector, Stream, WebSocket};
use hybi::connection::{Data, Prepared};
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{Acceptance, ClientRequest};
use hybi::{CloseCode, Config, Limits, Message, Role, Uri};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => serve(),
        Some("client") => {
            let mut count = 0;
            for line in io::stdin().lock().lines() {
                let line = line?;
                let (mode, port) = line.split_once(' ').ok_or("MODE PORT")?;
                converse(mode, port).map_err(|error| format!("mode {mode}: {error}"))?;
                count += 1;
            }
            println!("{count} modes");
            Ok(())
        }
        _ => Err("usage: hybi-interop server|client".into()),
    }
}

/// Returns the compression of a mode, none for plain.
fn deflate(mode: &str) -> Outcome<Option<DeflateConfig>> {
    let default = DeflateConfig::default();
    match mode {
        "plain" => return Ok(None),
        "bare" => {
            let small = default.outgoing_window_bits(10).incoming_window_bits(10);
            return Ok(Some(small.offer_client_max_window_bits(false)));
        }
        "fallback" => {
            return Ok(Some(default.incoming_window_bits(10).incoming_context_takeover(false)));
        }
        _ => {}
    }
    let (bits, takeover) = mode.split_at(mode.len() - 1);
    let (bits, takeover) = (bits.parse()?, takeover == "+");
    Ok(Some(
        default
            .outgoing_window_bits(bits)
            .incoming_window_bits(bits)
            .outgoing_context_takeover(takeover)
            .incoming_context_takeover(takeover)
            .compress_from(0),
    ))
}

fn modes() -> impl Iterator<Item = String> {
    let deflate = (9..=15).flat_map(|bits| [format!("{bits}+"), format!("{bits}-")]);
    ["plain", "bare", "fallback"].map(str::to_owned).into_iter().chain(deflate)
}

/// Messages are sent in fragments of a size that is no round number.
fn config(mode: &str) -> Outcome<Config> {
    let limits = Limits::default().message_bytes_max(64 << 20);
    let config = Config::default().limits(limits).fragment_bytes(NonZeroU32::new(30_011));
    Ok(config.deflate(deflate(mode)?))
}

fn serve() -> Outcome<()> {
    let mut servers = Vec::new();
    for mode in modes() {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{mode} {}", listener.local_addr()?.port());
        servers.push(thread::spawn(move || {
            for stream in listener.incoming() {
                if let Err(error) =
                    stream.map_err(Into::into).and_then(|stream| echo(stream, &mode))
                {
                    eprintln!("server, mode {mode}: {error}");
                }
            }
        }));
    }
    println!();
    io::stdout().flush()?;
    for server in servers {
        server.join().map_err(|_| "a server has panicked")?;
    }
    Ok(())
}

fn echo(stream: TcpStream, mode: &str) -> Outcome<()> {
    let acceptance = Acceptance::from_any_origin().config(config(mode)?);
    let mut ws = blocking::receive_request(stream)?.accept(&acceptance)?;
    check(&ws, mode)?;
    // Every second one prepared, as for many receivers.
    for is_prepared in [false, true].into_iter().cycle() {
        let Some(message) = ws.receive()? else { break };
        if is_prepared {
            ws.send_prepared(&Prepared::new(&message))?;
        } else {
            ws.send(&message)?;
        }
    }
    Ok(())
}

/// Compression was agreed on in every mode but one.
fn check<S: Stream, R: Role>(ws: &WebSocket<S, R>, mode: &str) -> Outcome<()> {
    let is_plain = mode == "plain";
    if ws.deflate().is_none() == is_plain {
        Ok(())
    } else {
        Err(format!("agreed on {:?}", ws.deflate()).into())
    }
}

fn converse(mode: &str, port: &str) -> Outcome<()> {
    let uri = format!("ws://127.0.0.1:{port}/");
    let uri = Uri::parse(&uri)?;
    let mut ws = Connector::new().connect(&ClientRequest::new(&uri).config(config(mode)?))?;
    check(&ws, mode)?;
    let text = "{\"id\":17,\"name\":\"Grüße 😀\"},".repeat((1 << 20) / 30 + 1);
    let text = &text[..text.floor_char_boundary(1 << 20)];
    let noise = noise(1 << 20);
    for len in [0, 1, 5, 125, 126, 127, 1000, 32_768, 65_535, 65_536, 65_537, 200_000, 1 << 20] {
        for data in
            [Data::Text(&text[..text.floor_char_boundary(len)]), Data::Binary(&noise[..len])]
        {
            ws.send(data)?;
            expect_echo(&mut ws, data)?;
            // In three parts with pings between them.
            let third = text.floor_char_boundary(len / 3);
            let (parts, last) = match data {
                Data::Text(text) => {
                    ([&text[..third], ""].map(Data::Text), Data::Text(&text[third..]))
                }
                Data::Binary(data) => {
                    ([&data[..third], &[]].map(Data::Binary), Data::Binary(&data[third..]))
                }
            };
            for part in parts {
                ws.send_part(part)?;
                ws.ping(b"between")?;
            }
            ws.send_last_part(last)?;
            expect_echo(&mut ws, data)?;
        }
    }
    for i in 0..500 {
        let message = format!("{{\"number\":{i},\"text\":\"message {}\"}}", i * 7919 % 1000);
        if i % 2 == 0 {
            ws.send(&*message)?;
        } else {
            ws.send_prepared(&Prepared::new(&*message))?;
        }
        expect_echo(&mut ws, Data::Text(&message))?;
    }
    ws.close(CloseCode::NORMAL, "done")?;
    while ws.receive()?.is_some() {}
    match ws.closed() {
        Some(closed) if closed.was_clean() => Ok(()),
        closed => Err(format!("closed: {closed:?}").into()),
    }
}

fn expect_echo(ws: &mut ClientSocket, sent: Data<'_>) -> Outcome<()> {
    let Some(message) = ws.receive()? else { return Err("no echo".into()) };
    let same = match (&message, sent) {
        (Message::Text(text), Data::Text(sent)) => **text == *sent,
        (Message::Binary(bytes), Data::Binary(sent)) => **bytes == *sent,
        _ => return Err(format!("not an echo: {:.200}", format!("{message:?}")).into()),
    };
    if same { Ok(()) } else { Err("an echo is not what was sent".into()) }
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}
