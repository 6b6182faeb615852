//! The server: `hybi-http-axum ADDRESS [ORIGIN ...]`, over HTTP/1.1 and HTTP/2 without TLS.
//!
//! It prints the address that it listens at, which is useful if the port is 0. A WebSocket at
//! `/echo` echoes; anything else is a page that tries it. Without origins, a page must come from
//! this server. It prints a line for each WebSocket that has ended.

use std::error::Error;

use hybi_http_axum::server;
use hybi_http_shared::server::Echo;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("usage: hybi-http-axum ADDRESS [ORIGIN ...]")?;
    let echo = Echo::printing(args)?;
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    Ok(server::serve(listener, echo).await?)
}
