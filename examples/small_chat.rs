//! A chat of text clients at `/chat`: `cargo run --example small_chat [HOST:PORT]`

use hybi::blocking::{Hub, HubConfig};
use hybi::connection::Prepared;
use hybi::handshake::{Acceptance, Rejection};
use hybi::{CloseCode, Config, Limits, Message};
use std::error::Error;
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9001"))?;
    let address = listener.local_addr()?;
    let (sender, events) = mpsc::sync_channel(1_000); // nobody waits for the log
    thread::spawn(move || {
        let mut log = io::stderr(); // `eprintln!` panics if it cannot be written
        let _ = writeln!(log, "listening at ws://{address}");
        events.into_iter().for_each(|event| drop(writeln!(log, "{event}")));
    });
    let hub = Hub::new(HubConfig::default().connections_per_address_max(100).events(sender));
    let ending = hub.clone();
    ctrlc::set_handler(move || {
        ending.terminate(Duration::from_secs(10)); // closes with 1001, then `serve` returns
    })?;
    chat(&hub, listener)
}

/// Serves until `Hub::terminate` is called.
pub(crate) fn chat(hub: &Hub, listener: TcpListener) -> Result<(), Box<dyn Error>> {
    // No other pages may connect, even if their name was made to lead here (DNS rebinding).
    let acceptance = Acceptance::from_origins(["https://chat.example"])?
        .config(Config::default().limits(Limits::default().message_bytes_max(4 << 10)));
    let order = Mutex::new(());
    hub.serve(listener, |arrival| {
        if arrival.request().path() != "/chat" {
            return Ok(arrival.reject(&Rejection::new(404))?);
        }
        let mut session = arrival.accept(&acceptance)?;
        while let Some(message) = session.receive()? {
            if let Message::Text(text) = message {
                let line = Prepared::new(&format!("{}: {text}", session.id())); // encoded once
                let in_order = order.lock(); // everybody sees the lines in the same order
                for peer in hub.peers() {
                    let _ = peer.send_prepared(&line); // never waits: the hub drops slow clients
                }
                drop(in_order);
            } else {
                let _ = session.close(CloseCode::UNSUPPORTED_DATA, "text only"); // or it is closing
            }
            thread::sleep(Duration::from_millis(50)); // a client that floods us only delays itself
        }
        Ok(())
    })?;
    Ok(())
}
