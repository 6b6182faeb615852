//! An echo server and a test client over tokio-websockets.

use std::env;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_websockets::{ClientBuilder, Limits, Message, ServerBuilder, WebSocketStream};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Reads until the connection is over, and returns the last message.
async fn converse<T: AsyncRead + AsyncWrite + Unpin>(
    mut ws: WebSocketStream<T>,
    echoes: bool,
) -> Result<Option<Message>, Error> {
    let mut last = None;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            last = Some(message.clone());
            if echoes {
                ws.send(message).await?;
            }
        }
    }
    Ok(last)
}

async fn connect(url: &str, path: &str, echoes: bool) -> Result<Option<Message>, Error> {
    let builder = ClientBuilder::new().uri(&format!("{url}{path}"))?;
    let (ws, _) = builder.limits(Limits::unlimited()).connect().await?;
    converse(ws, echoes).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().collect();
    let (role, at) = (&*arguments[1], &*arguments[2]);
    if role == "server" {
        let listener = TcpListener::bind(format!("127.0.0.1:{at}")).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async {
                let builder = ServerBuilder::new().limits(Limits::unlimited());
                let (_, ws) = builder.accept(stream).await?;
                converse(ws, true).await
            });
        }
    }
    let count = connect(at, "/getCaseCount", false).await?.ok_or("no count")?;
    for n in 1..=count.as_text().unwrap_or_default().parse::<u32>()? {
        // A task of its own, so that whatever ends it ends this case only.
        let (url, path) = (at.to_owned(), format!("/runCase?case={n}&agent=tokio-websockets"));
        let _ = tokio::spawn(async move { connect(&url, &path, true).await.map(drop) }).await;
    }
    connect(at, "/updateReports?agent=tokio-websockets", false).await?;
    Ok(())
}
