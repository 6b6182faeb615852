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
mod web_socket;
mod wslay;
mod wtx;
mod yawc;
pub mod zlib;

/// Limits first, then hybi, then the others.
pub fn all() -> Vec<&'static dyn Peer> {
    vec![
        &limits::Copy,
        &limits::CopyXor,
        &limits::Work { wide: false },
        &limits::Work { wide: true },
        &limits::ParseAndWork,
        &hybi::Hybi,
        &hybi::InPlace,
        &hybi::Vectored,
        &tungstenite::Tungstenite,
        &fastwebsockets::Fastwebsockets,
        &tokio_websockets::TokioWebsockets,
        &soketto::Soketto,
        &sockudo_ws::SockudoWs,
        &yawc::Yawc,
        &web_socket::WebSocketCrate,
        &wtx::Wtx,
        &nexus_web::NexusWeb,
        &nago_wss::NagoWss,
        &wslay::Wslay,
    ]
}
