//! An echo server and a test client over soketto.

use std::env;

use futures::io::{BufReader, BufWriter};
use soketto::connection::{Builder, Error as ConnectionError};
use soketto::extension::deflate::Deflate;
use soketto::handshake::{Client, Server, ServerResponse, server::Response};
use soketto::{Data, Mode};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Stream = BufReader<BufWriter<Compat<TcpStream>>>;

fn buffered(stream: TcpStream) -> Result<Stream, Error> {
    stream.set_nodelay(true)?;
    Ok(BufReader::new(BufWriter::new(stream.compat())))
}

/// Reads until the connection is over, and returns the last message.
async fn converse(builder: Builder<Stream>, echoes: bool) -> Result<Vec<u8>, Error> {
    let (mut sender, mut receiver) = builder.finish();
    let mut message = Vec::new();
    loop {
        let mut next = Vec::new();
        let data = match receiver.receive_data(&mut next).await {
            Err(ConnectionError::Closed) => return Ok(message),
            other => other?,
        };
        message = next;
        if echoes {
            match data {
                Data::Text(_) => sender.send_text(std::str::from_utf8(&message)?).await?,
                Data::Binary(_) => sender.send_binary(&message).await?,
            }
            sender.flush().await?;
        }
    }
}

async fn connect(url: &str, path: &str, echoes: bool) -> Result<Vec<u8>, Error> {
    let authority = url.trim_start_matches("ws://");
    let stream = buffered(TcpStream::connect(authority).await?)?;
    let mut client = Client::new(stream, authority, path);
    client.add_extension(Box::new(Deflate::new(Mode::Client)));
    match client.handshake().await? {
        ServerResponse::Accepted { .. } => converse(client.into_builder(), echoes).await,
        _ => Err("refused".into()),
    }
}

async fn serve(stream: TcpStream) -> Result<(), Error> {
    let mut server = Server::new(buffered(stream)?);
    server.add_extension(Box::new(Deflate::new(Mode::Server)));
    let key = server.receive_request().await?.key();
    server.send_response(&Response::Accept { key, protocol: None }).await?;
    converse(server.into_builder(), true).await.map(|_| ())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().collect();
    let (role, at) = (&*arguments[1], &*arguments[2]);
    if role == "server" {
        let listener = TcpListener::bind(format!("127.0.0.1:{at}")).await?;
        loop {
            let stream = listener.accept().await?.0;
            tokio::spawn(async { serve(stream).await.inspect_err(|error| eprintln!("{error}")) });
        }
    }
    let count = connect(at, "/getCaseCount", false).await?;
    for n in 1..=str::from_utf8(&count)?.parse::<u32>()? {
        let _ = connect(at, &format!("/runCase?case={n}&agent=soketto"), true).await;
    }
    connect(at, "/updateReports?agent=soketto", false).await?;
    Ok(())
}
