//! yawc, a client over any stream, and a server behind hyper.

use std::future::ready;

use futures_util::SinkExt;
use hybi::connection::Data;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::unbounded_channel;
use yawc::close::CloseCode;
use yawc::{Frame, OpCode, Options, WebSocket};

use crate::Outcome;
use crate::modes::{FRAGMENT_BYTES, MESSAGE_BYTES_MAX, window_bits};
use crate::speech::Speech;
use crate::tls::Io;

fn options(mode: &str) -> Outcome<Options> {
    let options = Options::default()
        .with_utf8()
        .with_limits(MESSAGE_BYTES_MAX as usize, 2 * MESSAGE_BYTES_MAX as usize)
        .with_max_fragment_size(FRAGMENT_BYTES as usize);
    if mode == "plain" {
        return Ok(options.without_compression());
    }
    // So that empty messages are sent uncompressed.
    let options = options.with_compression_threshold(1);
    Ok(match mode {
        "bare" => options.with_server_max_window_bits(10),
        "fallback" => options,
        _ => {
            let (bits, takeover) = window_bits(mode)?;
            let options =
                options.with_server_max_window_bits(bits).with_client_max_window_bits(bits);
            match takeover {
                true => options,
                false => options.server_no_context_takeover().client_no_context_takeover(),
            }
        }
    })
}

pub async fn echo(stream: Box<dyn Io>, mode: &str) -> Outcome<()> {
    let options = options(mode)?;
    let (sender, mut upgrades) = unbounded_channel();
    let service = service_fn(move |mut request| {
        let upgraded = WebSocket::upgrade_with_options(&mut request, options.clone());
        let response = upgraded.map(|(response, upgrade)| {
            let _ = sender.send(upgrade); // it is waited for below
            response
        });
        ready(response)
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await?;
    let mut ws = upgrades.recv().await.ok_or("no upgrade")?.await?;
    loop {
        let frame = ws.next_frame().await?;
        match frame.opcode() {
            OpCode::Text | OpCode::Binary => ws.send(frame).await?,
            OpCode::Close => {
                // Its answer is written by the next call, which then fails.
                let _ = ws.next_frame().await;
                return Ok(());
            }
            _ => {}
        }
    }
}

pub async fn talk(uri: &str, stream: Box<dyn Io>, mode: &str) -> Outcome<()> {
    let mut ws = WebSocket::handshake(uri.parse()?, stream, options(mode)?).await?;
    for (data, _) in Speech::new().messages() {
        let (payload, opcode) = match data {
            Data::Text(text) => (text.as_bytes(), OpCode::Text),
            Data::Binary(data) => (data, OpCode::Binary),
        };
        let frame = match opcode {
            OpCode::Text => Frame::text(payload.to_vec()),
            _ => Frame::binary(payload.to_vec()),
        };
        ws.send(frame).await?;
        let echo = ws.next_frame().await?;
        if (echo.opcode(), &echo.payload()[..]) != (opcode, payload) {
            return Err(format!("no echo of {} bytes", payload.len()).into());
        }
    }
    ws.send(Frame::close(CloseCode::Normal, "done")).await?;
    let answer = ws.next_frame().await?;
    match (answer.opcode(), answer.close_code(), answer.close_reason()?) {
        (OpCode::Close, Some(CloseCode::Normal), Some("done")) => Ok(()),
        (opcode, code, reason) => {
            Err(format!("no closing handshake: {opcode:?} {code:?} {reason:?}").into())
        }
    }
}
