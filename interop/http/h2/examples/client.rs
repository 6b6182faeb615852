//! A client for a server that was not written here: `client ADDRESS`. See `interop/http/run.sh`.

use std::error::Error;

use hybi::Uri;
use hybi_http_h2::client;
use hybi_http_shared::client::{Opening, messages, request};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: client ADDRESS")?;
    let requests = client::connect(TcpStream::connect(&*address).await?).await?;
    let (uri, origin) = (format!("ws://{address}/echo"), format!("http://{address}"));
    let uri = Uri::parse(&uri)?;
    let open = match client::open(&requests, &request(&uri, &origin)).await? {
        Opening::Open(open) => open,
        Opening::Refused(response) => return Err(format!("refused: {response:?}").into()),
    };
    if open.subprotocol.as_deref() != Some("v2.echo") {
        return Err(format!("the subprotocol is {:?}", open.subprotocol).into());
    }
    let deflate = open.ws.deflate().map_or("no compression", |_| "permessage-deflate");
    let messages = messages(1);
    let (answers, closed) = open.converse(&messages).await?;
    if answers.get(1..) != Some(&messages[..]) || !closed.was_clean() {
        return Err(format!("{} answers, {closed}", answers.len()).into());
    }
    println!("{deflate}, {closed}");
    Ok(())
}
