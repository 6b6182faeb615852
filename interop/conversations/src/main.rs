//! Our side of the conversations with other implementations: `server` and `client`, see `run.sh`.
//!
//! A server prints a line for each mode it serves, `MODE PORT`, and echoes; a client reads such lines, sends messages in each
//! mode and compares what comes back. A mode is `plain`, or window bits and whether there is context takeover: `9+`, `15-`.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::thread;

use hybi::blocking::{self, Connector, Incoming};
use hybi::connection::Data;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::{Accept, ClientRequest};
use hybi::{CloseCode, Config, Limits, Uri};

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

/// The configuration of a mode, none for plain.
fn deflate(mode: &str) -> Outcome<Option<DeflateConfig>> {
    if mode == "plain" {
        return Ok(None);
    }
    let (bits, takeover) = mode.split_at(mode.len() - 1);
    let (bits, takeover) = (bits.parse()?, takeover == "+");
    Ok(Some(
        DeflateConfig::default()
            .window_bits(bits, bits)
            .context_takeover(takeover, takeover)
            .compress_from(0),
    ))
}

fn modes() -> impl Iterator<Item = String> {
    let deflate = (9..=15).flat_map(|bits| [format!("{bits}+"), format!("{bits}-")]);
    std::iter::once("plain".to_owned()).chain(deflate)
}

/// Messages go out in fragments of a size that is no round number.
fn config() -> Config {
    let limits = Limits::default().message_bytes_max(64 << 20);
    Config::default().limits(limits).fragment_bytes(NonZeroU32::new(30_011).expect("not zero"))
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
    let pending = blocking::Acceptor::new().config(config()).receive(stream)?;
    let mut accept = Accept::from_any_origin();
    if let Some(config) = deflate(mode)? {
        accept = accept.deflate(config);
    }
    let mut ws = pending.accept(&accept)?;
    loop {
        match ws.read()? {
            Incoming::Text(text) => ws.send(&*text)?,
            Incoming::Binary(data) => ws.send(&*data)?,
            Incoming::Closed(_) => return Ok(()),
            Incoming::Pong(_) | Incoming::TimedOut => {}
        }
    }
}

fn converse(mode: &str, port: &str) -> Outcome<()> {
    let uri = format!("ws://127.0.0.1:{port}/");
    let uri = Uri::parse(&uri)?;
    let mut request = ClientRequest::new(&uri);
    if let Some(config) = deflate(mode)? {
        request = request.deflate(config);
    }
    let mut ws = Connector::new().config(config()).connect(&request)?;

    let expect = |ws: &mut blocking::WebSocket<TcpStream, _>, sent: Data<'_>| -> Outcome<()> {
        loop {
            let same = match (ws.read()?, sent) {
                (Incoming::Pong(_), _) => continue,
                (Incoming::Text(text), Data::Text(sent)) => *text == *sent,
                (Incoming::Binary(data), Data::Binary(sent)) => *data == *sent,
                (other, _) => {
                    return Err(format!("not an echo: {:.200}", format!("{other:?}")).into());
                }
            };
            return if same { Ok(()) } else { Err("an echo is not what was sent".into()) };
        }
    };
    let text = "{\"id\":17,\"name\":\"Grüße 😀\"},".repeat((1 << 20) / 30 + 1);
    let text = &text[..text.floor_char_boundary(1 << 20)];
    let noise = noise(1 << 20);
    for len in [0, 1, 5, 125, 126, 127, 1000, 32_768, 65_535, 65_536, 65_537, 200_000, 1 << 20] {
        for data in
            [Data::Text(&text[..text.floor_char_boundary(len)]), Data::Binary(&noise[..len])]
        {
            ws.send(data)?;
            expect(&mut ws, data)?;
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
            expect(&mut ws, data)?;
        }
    }
    for i in 0..500 {
        let message = format!("{{\"number\":{i},\"text\":\"message {}\"}}", i * 7919 % 1000);
        ws.send(&*message)?;
        expect(&mut ws, Data::Text(&message))?;
    }
    ws.close(CloseCode::NORMAL, "done")?;
    loop {
        match ws.read()? {
            Incoming::Closed(closed) if closed.was_clean() => return Ok(()),
            Incoming::Closed(closed) => return Err(format!("closed: {closed}").into()),
            _ => {}
        }
    }
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}
