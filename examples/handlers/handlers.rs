//! The handlers that you write, and the events that they are called with.
//!
//! An error that a handler returns, and a panic in it, is an error event of the same connection or
//! server. It harms nobody else. [`SendError::Closing`](hybi::blocking::SendError::Closing) and
//! `TooSlow` are no errors here: the connection is ending, and nobody has to do anything about it.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::any::Any;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use hybi::{Bytes, Utf8Bytes};
use serde_json::Value;

use super::connection::WebSocketConnection;
use super::print::{self, Level};
use super::server::WebSocketServer;

/// The result of most handlers.
pub(crate) type Handled = Result<(), Box<dyn Error + Send + Sync>>;
/// A handler for the messages of a client, or `None` to refuse it with 403.
pub(crate) type Accepted = Option<Box<dyn ConnectionHandler>>;

/// Handles the events of a server. You need to write only [`on_connection`](Self::on_connection).
///
/// Several threads may call it at once.
pub(crate) trait ServerHandler: Any + Send + Sync {
    /// A client asks for a connection. If this panics, the client gets 500.
    fn on_connection(&self, wss: &WebSocketServer, event: &ConnectionEvent) -> Accepted;

    /// The server has started.
    fn on_open(&self, _wss: &WebSocketServer, _event: &OpenEvent) -> Handled {
        Ok(())
    }

    /// The server is closed, and so are all of its connections.
    fn on_terminate(&self, _wss: &WebSocketServer, _event: &ServerTerminateEvent) -> Handled {
        Ok(())
    }

    /// Something went wrong that concerns no connection, or one whose handler leaves it to this.
    /// By default it is logged on standard error.
    fn on_error(&self, _wss: &WebSocketServer, event: &ErrorEvent) {
        print::note(Level::Warning, event.address, hybi::escaped(event.message()));
    }
}

/// Handles the events of one connection, in a thread of its own. You need to write only
/// [`on_message`](Self::on_message).
pub(crate) trait ConnectionHandler: Send {
    /// The client has sent a message. If this panics, the connection is closed with 1011.
    fn on_message(&mut self, ws: &WebSocketConnection, event: &MessageEvent) -> Handled;

    /// The connection is open.
    fn on_open(&mut self, _ws: &WebSocketConnection, _event: &OpenEvent) -> Handled {
        Ok(())
    }

    /// The connection is over. Called once, however it ended.
    fn on_terminate(&mut self, _ws: &WebSocketConnection, _event: &TerminateEvent) -> Handled {
        Ok(())
    }

    /// Something went wrong. The connection goes on, if it can: close it here if it should not.
    /// By default, the handler of the server is told.
    fn on_error(&mut self, ws: &WebSocketConnection, event: &ErrorEvent) {
        ws.wss().handler().on_error(ws.wss(), event);
    }
}

/// A client asks for a connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionEvent {
    pub(crate) request: Request,
}

/// A server has started, or a connection is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenEvent;

/// A message has arrived.
#[derive(Clone, Debug)]
pub(crate) struct MessageEvent {
    pub(crate) data: Data,
}

/// A connection is over.
#[derive(Clone, Debug)]
pub(crate) struct TerminateEvent {
    /// The client's close code, 1005 if it gave none, or 1006 if the connection ended without its
    /// Close frame.
    pub(crate) code: u16,
    /// The client's reason, if it gave one.
    pub(crate) reason: Option<String>,
}

/// A server is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerTerminateEvent;

/// Something went wrong.
#[derive(Clone, Debug)]
pub(crate) struct ErrorEvent {
    /// The error, then its cause, and so on. There is at least one.
    pub(crate) errors: Vec<String>,
    /// The client that it is about.
    pub(crate) address: Option<SocketAddr>,
}

impl ConnectionEvent {
    pub(crate) const TYPE: &'static str = "connection";
}

impl OpenEvent {
    pub(crate) const TYPE: &'static str = "open";
}

impl MessageEvent {
    pub(crate) const TYPE: &'static str = "message";
}

impl TerminateEvent {
    pub(crate) const TYPE: &'static str = "terminate";
}

impl ServerTerminateEvent {
    pub(crate) const TYPE: &'static str = "terminate";
}

impl ErrorEvent {
    pub(crate) const TYPE: &'static str = "error";

    /// Returns what went wrong.
    pub(crate) fn message(&self) -> &str {
        self.errors.first().map_or("", String::as_str)
    }
}

/// Returns the text of an error, and those of its causes.
pub(super) fn texts_of(error: &(dyn Error + 'static)) -> Vec<String> {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect()
}

/// A client's request for a connection.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The values of each field, by its name in small letters.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The parameters of the URL, decoded. Of several with one name, the last.
    pub(crate) query: BTreeMap<String, String>,
    /// The URL as it stands in the request, such as `/status?name=ryan`.
    pub(crate) url: String,
    /// Where the client comes from. Behind a reverse proxy, that is the proxy.
    pub(crate) remote_address: SocketAddr,
}

impl Request {
    pub(super) fn new(request: &hybi::handshake::Request<'_>, address: SocketAddr) -> Self {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in request.fields() {
            let value = String::from_utf8_lossy(value).into_owned();
            headers.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
        let query = request.query().unwrap_or_default();
        Self {
            headers,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            url: request.target().to_owned(),
            // An IPv4 client of a socket for IPv6 has an IPv4 address.
            remote_address: SocketAddr::new(address.ip().to_canonical(), address.port()),
        }
    }
}

/// The type in which a server passes messages on to its handlers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DataType {
    /// [`Data::Text`]. A binary message is an error event.
    #[default]
    Text,
    /// [`Data::Blob`], also for what was sent as text.
    Blob,
    /// [`Data::Object`]: messages are JSON. One that is not is an error event.
    Object,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Text(Utf8Bytes),
    Blob(Bytes),
    Object(Value),
}

impl MessageEvent {
    /// Returns the text.
    pub(crate) fn text(&self) -> Result<&str, WrongData> {
        if let Data::Text(text) = &self.data { Ok(text) } else { Err(WrongData::IsNot("text")) }
    }

    /// Returns the bytes.
    pub(crate) fn blob(&self) -> Result<&[u8], WrongData> {
        if let Data::Blob(bytes) = &self.data { Ok(bytes) } else { Err(WrongData::IsNot("a blob")) }
    }

    /// Returns the object.
    pub(crate) fn object(&self) -> Result<&Value, WrongData> {
        match &self.data {
            Data::Object(value) => Ok(value),
            _ => Err(WrongData::IsNot("an object")),
        }
    }
}

/// A message is not of the type that its handler wants.
#[derive(Debug)]
pub(crate) enum WrongData {
    IsNot(&'static str),
    Json(serde_json::Error),
}

impl fmt::Display for WrongData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = if let Self::IsNot(wanted) = self { wanted } else { "JSON" };
        write!(f, "the message is not {wanted}")
    }
}

impl Error for WrongData {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Json(error) = self { Some(error) } else { None }
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes.into())
    }
}

impl From<Value> for Data {
    fn from(value: Value) -> Self {
        Self::Object(value)
    }
}

impl From<&Data> for Data {
    fn from(data: &Data) -> Self {
        data.clone()
    }
}
