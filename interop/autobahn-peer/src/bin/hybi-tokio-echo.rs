//! The server over hybi-tokio for the Autobahn fuzzing client: `hybi-tokio-echo ADDRESS`.
//!
//! It prints the address that it listens at, offers permessage-deflate, and sends every message
//! back. A case in which the client breaks the protocol on purpose ends with an error, which is not
//! worth a line: the fuzzing client writes the report.

use std::error::Error;

use hybi::Config;
use hybi::extension::deflate::DeflateConfig;
use hybi::handshake::Acceptance;
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: hybi-tokio-echo ADDRESS")?;
    let listener = TcpListener::bind(address).await?;
    println!("listening at ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async {
            let _ = echo(stream).await;
        });
    }
}

async fn echo(stream: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let config = Config::default().deflate(DeflateConfig::default());
    let acceptance = Acceptance::from_any_origin().config(config);
    let mut ws = hybi_tokio::receive_request(stream).await?.accept(&acceptance).await?;
    while let Some(message) = ws.receive().await? {
        ws.send(&message).await?;
    }
    Ok(())
}
