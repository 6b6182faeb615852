//! The servers of this process: each runs in a child of its own, which says its port and lives until its standard input
//! ends.

mod event_loop;
mod sessions;
mod socket;
mod threads;
mod tokio_runtime;

use hybi_bench_shared::load::ANSWER;
use sessions::*;
use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The longest message that anybody takes.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The one that is left out if it could not be built.
pub const UWEBSOCKETS: &str = "uWebSockets, C++";

/// One of them: a name without a comma is an implementation in the event loop.
pub struct Server {
    pub name: &'static str,
    run: fn() -> Result<()>,
}

macro_rules! servers {
    ($($name:expr => $run:expr,)*) => { &[$(Server { name: $name, run: $run }),*] };
}

/// All of them; the first is what the others are compared with.
pub const SERVERS: &[Server] = servers! {
    "hybi" => event_loop::serve::<hybi::Echo>,
    "no checks (limit)" => event_loop::serve::<bare::Echo>,
    "tungstenite" => event_loop::serve::<tungstenite::Echo>,
    "nexus-web" => event_loop::serve::<nexus_web::Echo>,
    "sockudo-ws" => event_loop::serve::<sockudo_ws::Echo>,
    "fastwebsockets" => event_loop::serve::<task::Echo<fastwebsockets::Fastwebsockets>>,
    "tokio-websockets" => event_loop::serve::<task::Echo<tokio_websockets::TokioWebsockets>>,
    "soketto" => event_loop::serve::<task::Echo<soketto::Soketto>>,
    "yawc" => event_loop::serve::<task::Echo<yawc::Yawc>>,
    "web-socket" => event_loop::serve::<task::Echo<web_socket::WebSocketCrate>>,
    "wtx" => event_loop::serve::<task::Echo<wtx::Wtx>>,
    "nago-wss" => event_loop::serve::<task::Echo<nago_wss::NagoWss>>,
    "hybi, blocking" => threads::serve_hybi,
    "hybi, hub" => threads::serve_hub,
    "no checks, blocking (limit)" => threads::serve_bare,
    "tungstenite, blocking" => threads::serve_tungstenite,
    "fastwebsockets, tokio" => tokio_runtime::serve_fastwebsockets,
    UWEBSOCKETS => || {
        hybi_uwebsockets::serve();
        Err("it does not serve".into())
    },
};

/// Runs the server of this name until standard input ends.
pub fn run(name: &str) -> Result<()> {
    let server = SERVERS.iter().find(|server| server.name == name).ok_or("no such server")?;
    std::thread::spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    (server.run)()
}

/// Listens on a free port, and says which.
fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}", listener.local_addr()?.port());
    Ok(listener)
}
