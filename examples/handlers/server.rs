//! [`WebSocketServer`]: a server object that calls handlers, like 4D's, over a
//! [`Hub`](hybi::blocking::Hub).
#![allow(dead_code, reason = "not every program needs all of it")]

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use hybi::blocking::{HubConfig, HubEvent, ReadyState};
use hybi::handshake::{Acceptance, Rejection};
use hybi::{Config, Limits};

use super::connection::{self, WebSocketConnection};
use super::handlers::{
    ConnectionEvent, DataType, ErrorEvent, Handled, OpenEvent, Request, ServerHandler,
    ServerTerminateEvent, texts_of,
};
use super::limit::{self, Limit};
use super::print;
use super::tls::{Socket, Tls};

pub(super) type Arrival = hybi::blocking::Arrival<Socket>;
pub(super) type Hub = hybi::blocking::Hub<Socket>;
pub(super) type Peer = hybi::blocking::Peer<Socket>;
pub(super) type Session = hybi::blocking::Session<Socket>;

/// How long [`WebSocketServer::terminate`] waits for the clients unless it is told otherwise. It is
/// the time after which the hub drops a client that does not answer a Close frame.
const TERMINATE_WITHIN: Duration = Duration::from_secs(10);

/// The settings of a server. The defaults take every path, and text.
#[derive(Clone)]
pub(crate) struct Options {
    /// The path of the WebSocket. Others get 404. `None`: every path.
    pub(crate) path: Option<String>,
    pub(crate) data_type: DataType,
    /// The origins whose web pages may connect, such as `https://chat.example`. Clients that are
    /// no browsers always may. There is no setting for the server's own origin: an attacker's page
    /// has it, too, if its name was made to lead here (DNS rebinding).
    pub(crate) origins: Vec<String>,
    /// The most connections at once. Further clients get 503.
    pub(crate) connections_max: usize,
    /// The longest message in bytes. A longer one closes the connection with 1009.
    pub(crate) message_bytes_max: u64,
    pub(crate) tls: Tls,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: None,
            data_type: DataType::Text,
            origins: Vec::new(),
            connections_max: 1_000,
            message_bytes_max: 64 << 10,
            tls: Tls::default(),
        }
    }
}

/// A server. Clones are the same server.
#[derive(Clone)]
pub(crate) struct WebSocketServer(Arc<Inner>);

struct Inner {
    handler: Box<dyn ServerHandler>,
    path: Option<String>,
    data_type: DataType,
    acceptance: Acceptance<'static>,
    limit: Limit,
    hub: Hub,
    terminated: AtomicBool,
    /// True once the thread of the server has ended.
    has_ended: Mutex<bool>,
    ended: Condvar,
}

impl WebSocketServer {
    /// Starts a server in a thread of its own, at the address of this listener.
    ///
    /// # Errors
    ///
    /// One of the origins is none, or the system has no thread left.
    pub(crate) fn new(
        listener: TcpListener,
        handler: impl ServerHandler,
        options: Options,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (sender, events) = mpsc::sync_channel(100);
        let connections_max = options.connections_max.saturating_add(limit::SPARE);
        let config = HubConfig::default().connections_max(connections_max).events(sender);
        let limits = Limits::default().message_bytes_max(options.message_bytes_max);
        let acceptance = Acceptance::from_origins(options.origins)?;
        let tls = options.tls;
        let wss = Self(Arc::new(Inner {
            handler: Box::new(handler),
            path: options.path,
            data_type: options.data_type,
            acceptance: acceptance.config(Config::default().limits(limits)),
            limit: Limit::new(options.connections_max),
            hub: Hub::with_streams(config, move |socket| tls.wrap(socket)),
            terminated: AtomicBool::new(false),
            has_ended: Mutex::new(false),
            ended: Condvar::new(),
        }));
        // The hub has the other end of the channel, so this must not keep it alive.
        let weak = Arc::downgrade(&wss.0);
        thread::Builder::new().name("errors".into()).spawn(move || {
            for event in events {
                if let Some(inner) = weak.upgrade() {
                    Self(inner).report(&event);
                }
            }
        })?;
        let server = wss.clone();
        thread::Builder::new().name("server".into()).spawn(move || server.run(listener))?;
        Ok(wss)
    }

    /// Returns the connections that are not closed, oldest first.
    pub(crate) fn connections(&self) -> Vec<WebSocketConnection> {
        let peers = self.0.hub.peers().into_iter();
        peers
            .filter(|peer| peer.ready_state() != ReadyState::Closed)
            .map(|peer| WebSocketConnection::new(peer, self.clone()))
            .collect()
    }

    pub(crate) fn data_type(&self) -> DataType {
        self.0.data_type
    }

    /// Returns the handler. `(wss.handler() as &dyn Any).downcast_ref()` has its type.
    pub(crate) fn handler(&self) -> &dyn ServerHandler {
        &*self.0.handler
    }

    /// Returns the path, or `None` if the server takes every path.
    pub(crate) fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Closes the server, and each connection with 1001. Waits as long as `timeout` for the
    /// clients' Close frames, and then drops the rest; by default 10 s. With zero, all are dropped
    /// at once, without a Close frame.
    ///
    /// Does not wait here, so that handlers can call it. [`terminated`](Self::terminated) and
    /// [`wait`](Self::wait) tell when it is done.
    pub(crate) fn terminate(&self, timeout: impl Into<Option<Duration>>) {
        let (hub, timeout) = (self.0.hub.clone(), timeout.into().unwrap_or(TERMINATE_WITHIN));
        let thread = thread::Builder::new().name("terminate".into());
        if thread.spawn(move || hub.terminate(timeout)).is_err() {
            self.0.hub.terminate(Duration::ZERO); // nobody else could do it
        }
    }

    /// Returns whether the server is closed, with all its connections.
    pub(crate) fn terminated(&self) -> bool {
        self.0.terminated.load(Ordering::Acquire)
    }

    /// Waits until the server is closed, and its handler has been told. A handler must not call it.
    pub(crate) fn wait(&self) {
        let has_ended = self.0.has_ended.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.ended.wait_while(has_ended, |has_ended| !*has_ended));
    }

    /// Returns the hub, for what is not here.
    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The thread of the server.
    fn run(&self, listener: TcpListener) {
        self.call(|handler| handler.on_open(self, &OpenEvent));
        if let Err(error) = self.0.hub.serve(listener, |arrival| self.serve(arrival)) {
            self.fail(texts_of(&error), None);
        }
        self.0.terminated.store(true, Ordering::Release);
        self.call(|handler| handler.on_terminate(self, &ServerTerminateEvent));
        *self.0.has_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.ended.notify_all();
    }

    /// Serves one client, from the request to the end.
    fn serve(&self, arrival: Arrival) -> Handled {
        let request = arrival.request();
        if self.path().is_some_and(|path| path != request.path()) {
            return Ok(arrival.reject(&Rejection::new(404))?);
        }
        if self.0.acceptance.check(request).is_err() {
            return Ok(arrival.accept(&self.0.acceptance).map(drop)?); // answers why
        }
        let address = arrival.address();
        let Some(_place) = self.0.limit.take() else {
            let error = "told 503: there are as many connections as may be".into();
            self.fail(vec![error], Some(address));
            return Ok(arrival.reject(&limit::full())?);
        };
        let event = ConnectionEvent { request: Request::new(request, address) };
        match guarded(|| self.handler().on_connection(self, &event)) {
            Ok(Some(mut handler)) => {
                let session = arrival.accept(&self.0.acceptance)?;
                connection::serve(self, session, &mut *handler);
                Ok(())
            }
            Ok(None) => Ok(arrival.reject(&Rejection::new(403))?),
            Err(panic) => {
                self.fail(vec![panic], Some(address));
                Ok(arrival.reject(&Rejection::new(500))?)
            }
        }
    }

    fn call(&self, callback: impl FnOnce(&dyn ServerHandler) -> Handled) {
        match guarded(|| callback(self.handler())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(texts_of(&*error), None),
            Err(panic) => self.fail(vec![panic], None),
        }
    }

    pub(super) fn fail(&self, errors: Vec<String>, address: Option<SocketAddr>) {
        let event = ErrorEvent { errors, address };
        // Nobody is left who could be told of a panic in here, but its text has been printed.
        let _ = guarded(|| self.handler().on_error(self, &event));
    }

    /// Tells the handler what the hub reports, except for what it knows from elsewhere.
    fn report(&self, event: &HubEvent) {
        if let Some((_, address, text)) = print::news(event) {
            self.fail(vec![text], address);
        }
    }
}

/// Calls a handler. The error is the text of a panic in it.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        format!("a handler panicked: {}", text.unwrap_or("(no text)"))
    })
}
