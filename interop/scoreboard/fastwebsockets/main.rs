//! An echo server and a test client over fastwebsockets.

use std::env;

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, WebSocket, handshake, upgrade};
use http_body_util::Empty;
use hyper::upgrade::Upgraded;
use hyper::{Request, body::Incoming, rt::Executor, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Spawn;

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Spawn {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// Reads until the connection is over, and returns the last message.
async fn converse(ws: WebSocket<TokioIo<Upgraded>>, echoes: bool) -> Result<Vec<u8>, Error> {
    let mut ws = FragmentCollector::new(ws);
    let mut last = Vec::new();
    // If reading fails, the library has sent a Close frame, or the connection is dropped.
    while let Ok(frame) = ws.read_frame().await {
        match frame.opcode {
            OpCode::Close => break,
            OpCode::Text | OpCode::Binary => {
                last = frame.payload.to_vec();
                if echoes {
                    let payload = Payload::Owned(last.clone());
                    ws.write_frame(Frame::new(true, frame.opcode, None, payload)).await?;
                }
            }
            _ => {}
        }
    }
    Ok(last)
}

async fn connect(url: &str, path: &str, echoes: bool) -> Result<Vec<u8>, Error> {
    let authority = url.trim_start_matches("ws://");
    let stream = TcpStream::connect(authority).await?;
    let request = Request::get(path)
        .header("Host", authority)
        .header("Upgrade", "websocket")
        .header("Connection", "upgrade")
        .header("Sec-WebSocket-Key", handshake::generate_key())
        .header("Sec-WebSocket-Version", "13")
        .body(Empty::<Bytes>::new())?;
    let (ws, _) = handshake::client(&Spawn, request, stream).await?;
    converse(ws, echoes).await
}

async fn accept(mut request: Request<Incoming>) -> Result<hyper::Response<Empty<Bytes>>, Error> {
    let (response, ws) = upgrade::upgrade(&mut request)?;
    tokio::spawn(async { converse(ws.await?, true).await });
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().collect();
    let (role, at) = (&*arguments[1], &*arguments[2]);
    if role == "server" {
        let listener = TcpListener::bind(format!("127.0.0.1:{at}")).await?;
        loop {
            let io = TokioIo::new(listener.accept().await?.0);
            let serving = http1::Builder::new().serve_connection(io, service_fn(accept));
            tokio::spawn(serving.with_upgrades());
        }
    }
    let count = connect(at, "/getCaseCount", false).await?;
    for n in 1..=str::from_utf8(&count)?.parse::<u32>()? {
        let _ = connect(at, &format!("/runCase?case={n}&agent=fastwebsockets"), true).await;
    }
    connect(at, "/updateReports?agent=fastwebsockets", false).await?;
    Ok(())
}
