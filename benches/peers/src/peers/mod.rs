//! One file per implementation. An adapter only translates; what it is told to do and how it is judged is in
//! [`crate::peer`].

use crate::peer::Peer;

mod fastwebsockets;
mod hybi;
mod limits;
mod nago_wss;
mod nexus_web;
mod sockudo_ws;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod uwebsockets;
mod web_socket;
mod wslay;
mod wtx;
mod yawc;
pub mod zlib;

/// Limits first, then hybi, then the others.
pub fn all() -> Vec<&'static dyn Peer> {
    let mut all: Vec<&'static dyn Peer> = vec![
        &limits::Copy,
        &limits::CopyXor,
        &limits::Work { wide: false },
        &limits::Work { wide: true },
        &limits::ParseAndWork,
        &hybi::Hybi,
        &hybi::PlainBuffer,
        &hybi::Copying,
        &tungstenite::Tungstenite,
        &fastwebsockets::Fastwebsockets,
        &tokio_websockets::TokioWebsockets,
        &soketto::Soketto,
        &sockudo_ws::SockudoWs,
        &yawc::Yawc,
        &web_socket::WebSocketCrate,
        &wtx::Wtx,
        &wtx::MaskingInPlace,
        &nexus_web::NexusWeb,
        &nago_wss::NagoWss,
        &wslay::Wslay,
    ];
    if hybi_uwebsockets::missing().is_none() {
        all.push(&uwebsockets::UWebSockets);
    }
    all
}

/// The implementations that are not there, and why.
pub fn missing() -> Option<(&'static str, &'static str)> {
    Some(("uWebSockets", hybi_uwebsockets::missing()?))
}
