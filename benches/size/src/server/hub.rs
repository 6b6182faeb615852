//! `hybi::blocking::Hub`: two threads for each connection.

use super::{Broadcast, Result};
use hybi::blocking::{Hub, HubConfig};
use hybi::handshake::Acceptance;
use hybi::keepalive::KeepaliveConfig;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

pub fn start(listener: TcpListener, keepalive: KeepaliveConfig) -> Result<Broadcast> {
    let hub = Hub::new(HubConfig::default().connections_max(usize::MAX).keepalive(keepalive));
    let server = hub.clone();
    thread::spawn(move || {
        let served = server.serve(listener, |arrival| {
            let mut session = arrival.accept(&Acceptance::from_any_origin())?;
            while session.receive()?.is_some() {}
            Ok(())
        });
        if let Err(error) = served {
            eprintln!("the hub has ended: {error}");
        }
    });
    Ok(Box::new(move |message, times| {
        for _ in 0..times {
            let peers = hub.peers();
            for peer in &peers {
                let _ = peer.send_prepared(message); // fails if the connection has ended
            }
            // Otherwise messages would be written together.
            while peers.iter().any(|peer| peer.unsent_bytes() > 0) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }))
}
