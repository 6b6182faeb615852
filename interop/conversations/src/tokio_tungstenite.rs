//! tokio-tungstenite, which has no compression.

use futures_util::{SinkExt, StreamExt};
use hybi::connection::Data;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data as Kind, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{accept_async, client_async_with_config};

use crate::Outcome;
use crate::speech::{How, Speech, parts};
use crate::tls::Io;

pub async fn echo(stream: impl Io) -> Outcome<()> {
    let mut ws = accept_async(stream).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            ws.send(message).await?;
        }
    }
    Ok(())
}

pub async fn talk(uri: &str, stream: impl Io) -> Outcome<()> {
    let config = Some(WebSocketConfig::default());
    let (mut ws, _) = client_async_with_config(uri, stream, config).await?;
    for (data, how) in Speech::new().messages() {
        let (whole, kind) = match data {
            Data::Text(text) => (Message::text(text), Kind::Text),
            Data::Binary(data) => (Message::binary(data.to_vec()), Kind::Binary),
        };
        if let How::InParts = how {
            for (i, part) in parts(data).into_iter().enumerate() {
                let payload = match part {
                    Data::Text(text) => text.as_bytes().to_vec(),
                    Data::Binary(data) => data.to_vec(),
                };
                let kind = OpCode::Data(if i == 0 { kind } else { Kind::Continue });
                ws.send(Message::Frame(Frame::message(payload, kind, i == 2))).await?;
            }
        } else {
            ws.send(whole.clone()).await?;
        }
        match ws.next().await {
            Some(Ok(echo)) if echo == whole => {}
            other => return Err(format!("no echo: {:.200}", format!("{other:?}")).into()),
        }
    }
    let done = CloseFrame { code: CloseCode::Normal, reason: "done".into() };
    ws.close(Some(done.clone())).await?;
    match ws.next().await {
        Some(Ok(Message::Close(Some(answer)))) if answer == done => {}
        other => return Err(format!("no closing handshake: {other:?}").into()),
    }
    match ws.next().await {
        None => Ok(()),
        other => Err(format!("after closing: {other:?}").into()),
    }
}
