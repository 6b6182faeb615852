//! The peers, each as its documentation and its examples say.

use super::{MESSAGE_BYTES_MAX, Result, Stream, answer, messages};
use ::fastwebsockets as fast;
use ::wtx::collection::Vector;
use ::wtx::rng::{Xorshift64, simple_seed};
use ::wtx::web_socket as wtx_ws;
use futures_util::SinkExt;
use std::future::poll_fn;
use std::task::{Poll, ready};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use yawc::WebSocket as Yawc;

pub async fn tungstenite<S: Stream>(stream: S) -> Result<()> {
    messages::gathered(accept_tungstenite(stream).await?, is_tungstenite_message).await
}

pub async fn tungstenite_send<S: Stream>(stream: S) -> Result<()> {
    messages::each(accept_tungstenite(stream).await?, is_tungstenite_message).await
}

async fn accept_tungstenite<S: Stream>(stream: S) -> Result<WebSocketStream<S>> {
    Ok(Box::pin(tokio_tungstenite::accept_async(stream)).await?)
}

fn is_tungstenite_message(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

pub async fn tokio_websockets<S: Stream>(stream: S) -> Result<()> {
    let ws = accept_tokio_websockets(stream).await?;
    messages::gathered(ws, is_tokio_websockets_message).await
}

pub async fn tokio_websockets_send<S: Stream>(stream: S) -> Result<()> {
    let ws = accept_tokio_websockets(stream).await?;
    messages::each(ws, is_tokio_websockets_message).await
}

async fn accept_tokio_websockets<S: Stream>(
    stream: S,
) -> Result<::tokio_websockets::WebSocketStream<S>> {
    let limits = ::tokio_websockets::Limits::default().max_payload_len(Some(MESSAGE_BYTES_MAX));
    let config = ::tokio_websockets::Config::default().frame_size(usize::MAX);
    let server = ::tokio_websockets::ServerBuilder::new().config(config).limits(limits);
    Ok(Box::pin(server.accept(stream)).await?.1)
}

fn is_tokio_websockets_message(message: &::tokio_websockets::Message) -> bool {
    message.is_text() || message.is_binary()
}

pub async fn sockudo_ws<S: Stream>(stream: S) -> Result<()> {
    messages::gathered(accept_sockudo(stream).await?, is_sockudo_message).await
}

pub async fn sockudo_ws_send<S: Stream>(stream: S) -> Result<()> {
    messages::each(accept_sockudo(stream).await?, is_sockudo_message).await
}

async fn accept_sockudo<S: Stream>(mut stream: S) -> Result<::sockudo_ws::WebSocketStream<S>> {
    answer(&mut stream).await?;
    Ok(::sockudo_ws::WebSocketStream::server(stream, ::sockudo_ws::Config::default()))
}

fn is_sockudo_message(message: &::sockudo_ws::Message) -> bool {
    matches!(message, ::sockudo_ws::Message::Text(_) | ::sockudo_ws::Message::Binary(_))
}

/// Echoes as yawc's own benchmarks do: buffers of 128 and 64 KiB, and one flush for up to 32
/// messages that have arrived.
pub async fn yawc<S: Stream>(stream: S) -> Result<()> {
    let mut ws = accept_yawc(stream).await?;
    let (mut received, mut gathered) = (None, 0);
    poll_fn(|cx| {
        loop {
            if received.is_some() {
                ready!(ws.poll_ready_unpin(cx))?;
                if let Some(frame) = received.take() {
                    ws.start_send_unpin(frame)?;
                }
                gathered += 1;
            }
            if gathered == 32 {
                ready!(ws.poll_flush_unpin(cx))?;
                gathered = 0;
            }
            match ws.poll_next_frame(cx)? {
                Poll::Ready(frame) => match frame.opcode() {
                    ::yawc::OpCode::Text | ::yawc::OpCode::Binary => received = Some(frame),
                    ::yawc::OpCode::Close => return Poll::Ready(Ok(())),
                    _ => {}
                },
                Poll::Pending => {
                    ready!(ws.poll_flush_unpin(cx))?;
                    gathered = 0;
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}

pub async fn yawc_send<S: Stream>(stream: S) -> Result<()> {
    let mut ws = accept_yawc(stream).await?;
    loop {
        let frame = ws.next_frame().await?;
        match frame.opcode() {
            ::yawc::OpCode::Text | ::yawc::OpCode::Binary => ws.send(frame).await?,
            ::yawc::OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

async fn accept_yawc<S: Stream>(mut stream: S) -> Result<Yawc<S>> {
    answer(&mut stream).await?;
    let options = ::yawc::Options::default()
        .with_utf8()
        .with_limits(MESSAGE_BYTES_MAX, 2 * MESSAGE_BYTES_MAX)
        .with_read_buffer_capacity(128 << 10)
        .with_write_buffer_capacity(64 << 10)
        .with_backpressure_boundary(64 << 10)
        .without_compression();
    Ok(Yawc::from_stream(stream, ::yawc::Role::Server, options)?)
}

pub async fn fastwebsockets<S: Stream>(mut stream: S) -> Result<()> {
    answer(&mut stream).await?;
    let mut ws = fast::WebSocket::after_handshake(stream, fast::Role::Server);
    ws.set_auto_apply_mask(true);
    ws.set_max_message_size(MESSAGE_BYTES_MAX);
    let mut ws = fast::FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            fast::OpCode::Text | fast::OpCode::Binary => ws.write_frame(frame).await?,
            fast::OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

pub async fn wtx(mut stream: TcpStream) -> Result<()> {
    answer(&mut stream).await?;
    let rng = Xorshift64::from(simple_seed());
    let buffer = wtx_ws::WebSocketBuffer::new();
    let mut ws = wtx_ws::WebSocket::<(), _, _, _, false>::new((), false, rng, stream, buffer);
    ws.set_max_payload_len(MESSAGE_BYTES_MAX);
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        let origin = wtx_ws::WebSocketPayloadOrigin::Adaptive;
        let mut frame = reader.read_frame(&mut buffer, &mut common, origin).await?;
        match frame.op_code() {
            opcode @ (wtx_ws::OpCode::Text | wtx_ws::OpCode::Binary) => {
                let mut echo = wtx_ws::Frame::new_fin(opcode, frame.payload_mut());
                writer.write_frame(&mut common, &mut echo).await?;
            }
            wtx_ws::OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
