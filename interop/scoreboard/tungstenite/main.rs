//! An echo server and a test client over tungstenite.

use std::net::{TcpListener, TcpStream};
use std::{env, error::Error, thread};

use tungstenite::{Message, WebSocket, accept, client};

/// Reads until the connection is over, and returns the last message.
fn converse(mut ws: WebSocket<TcpStream>, echoes: bool) -> Result<Message, tungstenite::Error> {
    let mut last = Message::Binary(Default::default());
    loop {
        match ws.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                last = message.clone();
                if echoes {
                    ws.send(message)?;
                }
            }
            Ok(_) => {}
            Err(_) => return Ok(last),
        }
    }
}

fn connect(url: &str, path: &str, echoes: bool) -> Result<Message, Box<dyn Error>> {
    let stream = TcpStream::connect(url.trim_start_matches("ws://"))?;
    stream.set_nodelay(true)?;
    let (ws, _) = client(format!("{url}{path}"), stream)?;
    Ok(converse(ws, echoes)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let (role, at) = (&*arguments[1], &*arguments[2]);
    if role == "server" {
        for stream in TcpListener::bind(format!("127.0.0.1:{at}"))?.incoming() {
            let stream = stream?;
            stream.set_nodelay(true)?;
            thread::spawn(|| {
                // An error is the client's: this connection is over.
                if let Ok(ws) = accept(stream) {
                    let _ = converse(ws, true);
                }
            });
        }
    }
    let count: u32 = connect(at, "/getCaseCount", false)?.to_text()?.parse()?;
    for n in 1..=count {
        let _ = connect(at, &format!("/runCase?case={n}&agent=tungstenite"), true);
    }
    connect(at, "/updateReports?agent=tungstenite", false)?;
    Ok(())
}
