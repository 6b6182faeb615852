//! [`WebSocketConnection`]: one client, and the calls of its handler.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::net::SocketAddr;

use hybi::blocking::SendError::{self, Closing, TooSlow};
use hybi::blocking::{Closed, ReadyState};
use hybi::{CloseCode, Message};

use super::handlers::{
    ConnectionHandler, Data, DataType, ErrorEvent, Handled, MessageEvent, OpenEvent,
    TerminateEvent, WrongData, texts_of,
};
use super::server::{Peer, Session, WebSocketServer, guarded};

/// A connection of a server. Clones are the same connection, and any thread may use them.
#[derive(Clone)]
pub(crate) struct WebSocketConnection {
    peer: Peer,
    wss: WebSocketServer,
}

impl WebSocketConnection {
    pub(super) fn new(peer: Peer, wss: WebSocketServer) -> Self {
        Self { peer, wss }
    }

    /// Returns the number of the connection, which no other of this server ever has.
    pub(crate) fn id(&self) -> u64 {
        self.peer.id()
    }

    /// Returns the server.
    pub(crate) fn wss(&self) -> &WebSocketServer {
        &self.wss
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.peer.address()
    }

    pub(crate) fn status(&self) -> ReadyState {
        self.peer.ready_state()
    }

    /// Sends a text, a blob, or an object as JSON. If the server's data are objects, a text is sent
    /// as JSON, too. Never waits for the client: one that reads too slowly is closed with 1013.
    pub(crate) fn send(&self, data: impl Into<Data>) -> Result<(), SendError> {
        match (data.into(), self.wss.data_type()) {
            (Data::Text(text), DataType::Object) => {
                self.peer.send(&*serde_json::Value::from(text.as_str()).to_string())
            }
            (Data::Text(text), _) => self.peer.send(&text),
            (Data::Blob(bytes), _) => self.peer.send(&bytes),
            (Data::Object(value), _) => self.peer.send(&*value.to_string()),
        }
    }

    /// Closes the connection after what has been sent. Does nothing if it is closing already.
    ///
    /// # Errors
    ///
    /// The code may not be sent, or the message is longer than 123 bytes.
    pub(crate) fn terminate(&self, code: u16, message: &str) -> Handled {
        let code =
            CloseCode::new(code).ok_or_else(|| format!("{code} is no code to close with"))?;
        match self.peer.close(code, message) {
            Err(hybi::UsageError::Closed) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Serves a connection until it is over.
pub(super) fn serve(
    wss: &WebSocketServer,
    mut session: Session,
    handler: &mut dyn ConnectionHandler,
) {
    let ws = WebSocketConnection::new(session.peer().clone(), wss.clone());
    let mut handled = Calls { ws: &ws, handler };
    let mut goes_on = handled.call(|handler| handler.on_open(&ws, &OpenEvent));
    loop {
        if !goes_on {
            // Does nothing if it is closing already.
            let _ = ws.terminate(CloseCode::INTERNAL_ERROR.number(), "the server has failed");
        }
        match session.receive() {
            // Arrived after we have closed.
            Ok(Some(_)) if ws.status() != ReadyState::Open => {}
            Ok(Some(message)) => match decode(message, wss.data_type()) {
                Ok(data) => {
                    let event = MessageEvent { data };
                    goes_on = handled.call(|handler| handler.on_message(&ws, &event));
                }
                Err(error) => handled.fail(texts_of(&error)),
            },
            Ok(None) => break,
            Err(error) => {
                handled.fail(texts_of(&error));
                break;
            }
        }
    }
    let reason = session.closed().map(Closed::reason).filter(|reason| !reason.is_empty());
    let event = TerminateEvent {
        code: session.closed().map_or(1006, Closed::code),
        reason: reason.map(str::to_owned),
    };
    handled.call(|handler| handler.on_terminate(&ws, &event));
}

/// The handler of a connection, which is told about its own errors.
struct Calls<'a> {
    ws: &'a WebSocketConnection,
    handler: &'a mut dyn ConnectionHandler,
}

impl Calls<'_> {
    /// Calls the handler. Returns `false` if it panicked, and so may have lost its mind.
    fn call(&mut self, callback: impl FnOnce(&mut dyn ConnectionHandler) -> Handled) -> bool {
        match guarded(|| callback(self.handler)) {
            Ok(Ok(())) => true,
            // The connection is ending, which is no fault of the handler.
            Ok(Err(error)) if matches!(error.downcast_ref(), Some(Closing | TooSlow)) => true,
            Ok(Err(error)) => {
                self.fail(texts_of(&*error));
                true
            }
            Err(panic) => {
                self.fail(vec![panic]);
                false
            }
        }
    }

    fn fail(&mut self, errors: Vec<String>) {
        let address = Some(self.ws.address());
        let event = ErrorEvent { errors, address };
        if let Err(panic) = guarded(|| self.handler.on_error(self.ws, &event)) {
            self.ws.wss().fail(vec![panic], address);
        }
    }
}

fn decode(message: Message, data_type: DataType) -> Result<Data, WrongData> {
    match (data_type, message) {
        (DataType::Text, Message::Text(text)) => Ok(Data::Text(text)),
        (DataType::Text, Message::Binary(_)) => Err(WrongData::IsNot("text")),
        (DataType::Blob, message) => Ok(Data::Blob(message.into_bytes())),
        (DataType::Object, message) => {
            let value = serde_json::from_slice(message.as_bytes());
            value.map(Data::Object).map_err(WrongData::Json)
        }
    }
}
