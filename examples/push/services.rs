//! The services, by their paths. One is what a class that extends `%CSP.WebSocket` is in IRIS.

use std::sync::Arc;
use std::time::Duration;

use hybi::CloseCode;
use hybi::blocking::Error;
use hybi::connection::{Chunk, ChunkData, Data};
use hybi::handshake::Request;

use crate::print::Time;
use crate::sessions::WebSession;
use crate::status::Connection;
use crate::{Handled, Session};

/// How many characters one call reads at most: the default of IRIS. For as many of each connection
/// there must be memory.
const CHARS_MAX: usize = 32_656;
/// The longest message that is read in parts. A longer one closes the connection with 1009.
const MESSAGE_BYTES_MAX: u64 = 16 << 20;
const NAME_CHARS_MAX: usize = 100;

pub(crate) struct Service {
    pub(crate) path: &'static str,
    /// Decides about a request, and sets properties. The error is for the client, with 403.
    pub(crate) on_pre_server: fn(&Request<'_>, &mut Properties) -> Result<(), &'static str>,
    /// Talks to the client. If the connection is shared, it lives on when this returns.
    pub(crate) server: fn(&mut Conversation) -> Handled,
    /// Is called when the connection has ended, however that was.
    pub(crate) on_post_server: fn(&Conversation),
}

impl Service {
    const DEFAULT: Self =
        Self { path: "", on_pre_server: |_, _| Ok(()), server: |_| Ok(()), on_post_server: |_| {} };
}

static SERVICES: &[Service] = &[
    // The echo of IRIS's documentation.
    Service { path: "/", server: echo, ..Service::DEFAULT },
    Service {
        path: "/async",
        on_pre_server: |_, properties| {
            properties.shared_connection = true;
            Ok(())
        },
        server: |talk| talk.write(&*format!("you are number {}", talk.id)),
        ..Service::DEFAULT
    },
    Service {
        path: "/session",
        server: remember,
        on_post_server: |talk| {
            if let Some(session) = &talk.web_session {
                session.values().last_end = talk.session.closed().map(ToString::to_string);
            }
        },
        ..Service::DEFAULT
    },
    // The class of that documentation: synchronous, or with ?shared=1 as its second example.
    Service {
        path: "/csp/user/MyApp.MyWebSocketServer.cls",
        server: |talk| if talk.properties.shared_connection { Ok(()) } else { echo(talk) },
        ..Service::DEFAULT
    },
];

pub(crate) fn at(path: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.path == path)
}

/// The properties of a connection. The query sets them, such as `?len=100&binary=1`, and then
/// `on_pre_server`.
pub(crate) struct Properties {
    /// `SharedConnection`: the connection is asynchronous, and has a number for everybody.
    pub(crate) shared_connection: bool,
    /// `BinaryData`: what is written is binary.
    pub(crate) binary_data: bool,
    /// How many characters the services here read at once.
    pub(crate) len: usize,
    /// How long they wait.
    pub(crate) timeout: Duration,
    /// `UseSession`: the values of the browser's session are at hand, if it has one.
    pub(crate) use_session: bool,
    /// `SessionEndOnClose`: the session ends with the connection.
    pub(crate) session_end_on_close: bool,
}

impl Properties {
    pub(crate) fn new(query: &str, timeout: Duration) -> Result<Self, String> {
        let mut properties = Self {
            shared_connection: false,
            binary_data: false,
            len: CHARS_MAX,
            timeout,
            use_session: true,
            session_end_on_close: false,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "shared" => properties.shared_connection = flag(&name, &value)?,
                "binary" => properties.binary_data = flag(&name, &value)?,
                "use_session" => properties.use_session = flag(&name, &value)?,
                "session_end_on_close" => properties.session_end_on_close = flag(&name, &value)?,
                "len" => match value.parse() {
                    Ok(len) if (1..=CHARS_MAX).contains(&len) => properties.len = len,
                    _ => return Err(format!("len: a number from 1 to {CHARS_MAX}, please")),
                },
                _ => return Err(format!("There is no property {name:?}.")),
            }
        }
        Ok(properties)
    }
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "1" => Ok(true),
        "0" => Ok(false),
        _ => Err(format!("{name}: 0 or 1, please")),
    }
}

/// An open connection in the hands of its service.
pub(crate) struct Conversation {
    pub(crate) session: Session,
    /// `WebSocketID`.
    pub(crate) id: u64,
    pub(crate) properties: Properties,
    /// The values of the browser's session. `None` also for shared connections, which are detached
    /// from it.
    pub(crate) web_session: Option<Arc<WebSession>>,
    pub(crate) connection: Arc<Connection>,
}

impl Conversation {
    /// `Read`: waits for a message, and returns at most `len` characters of it. The rest comes with
    /// the next call. [`Chunk::last`] is `AtEnd`. Returns `None` once the connection is over. A
    /// time-out loses nothing.
    fn read(&mut self, len: usize, timeout: Duration) -> Result<Option<Chunk<'static>>, Error> {
        self.session.set_read_timeout(timeout)?;
        let chunk = self.session.receive_chars_up_to(len)?;
        if let Some(chunk) = &chunk {
            self.connection.note_received(u64::from(chunk.last), chunk.data.as_bytes().len());
        }
        Ok(chunk)
    }

    /// `Write`: sends, text or binary as `data` is, or as the property says.
    pub(crate) fn write<'a>(&mut self, data: impl Into<Data<'a>>) -> Handled {
        let data = match data.into() {
            data if self.properties.binary_data => Data::Binary(data.as_bytes()),
            data => data,
        };
        self.session.send(data)?;
        self.connection.note_sent(data.as_bytes().len());
        Ok(())
    }

    /// `EndServer`: closes the connection, and waits for the end.
    pub(crate) fn end(&mut self, code: CloseCode, reason: &str) -> Handled {
        // An error means that it is closing already.
        let _ = self.session.close(code, reason);
        self.session.set_read_timeout(None)?;
        while self.session.receive_chunk()?.is_some() {} // what was under way
        Ok(())
    }

    /// Begins the synchronous mode.
    pub(crate) fn begin(&mut self) {
        self.connection.log_opening();
        self.session.set_chunked_bytes_max(MESSAGE_BYTES_MAX);
    }
}

/// Sends everything back, and speaks unasked if it hears nothing. `exit` ends it, unless `len`
/// splits that.
fn echo(talk: &mut Conversation) -> Handled {
    let Properties { len, timeout, .. } = talk.properties;
    loop {
        match talk.read(len, timeout) {
            Ok(Some(chunk)) if is(&chunk, "exit") => return talk.end(CloseCode::NORMAL, "bye"),
            Ok(Some(chunk)) => talk.write(data(&chunk))?,
            Ok(None) => return Ok(()), // $$$CSPWebSocketClosed
            Err(Error::TimedOut) => {
                // $$$CSPWebSocketTimeout
                talk.write(&*format!("timed out at {}", Time::now()))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Knows who comes back: `name NAME` gives the session a name.
fn remember(talk: &mut Conversation) -> Handled {
    let Some(session) = talk.web_session.clone() else {
        return talk.end(CloseCode::FORBIDDEN, "no session: open the page first");
    };
    let greeting = {
        let mut values = session.values();
        values.connections += 1;
        let name = values.name.as_deref().unwrap_or("nobody");
        let last = values.last_end.as_deref().unwrap_or("none before");
        format!("session {}, connection {}: {name}; {last}", session.id, values.connections)
    };
    talk.write(&*greeting)?;
    let Properties { len, timeout, .. } = talk.properties;
    loop {
        let chunk = match talk.read(len, timeout) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(()),
            Err(Error::TimedOut) => continue,
            Err(error) => return Err(error.into()),
        };
        let ChunkData::Text(text) = &chunk.data else { continue };
        let answer = match text.split_once(' ') {
            _ if is(&chunk, "exit") => return talk.end(CloseCode::NORMAL, "bye"),
            Some(("name", name)) => {
                let name: String = name.chars().take(NAME_CHARS_MAX).collect();
                session.values().name = Some(name.clone());
                format!("you are {name}")
            }
            _ => {
                let name = session.values().name.clone();
                format!("{} says {text}", name.as_deref().unwrap_or("nobody"))
            }
        };
        talk.write(&*answer)?;
    }
}

/// Returns whether a message is this text, as a whole.
fn is(chunk: &Chunk<'_>, text: &str) -> bool {
    chunk.first && chunk.last && chunk.data.as_bytes() == text.as_bytes()
}

fn data<'a>(chunk: &'a Chunk<'_>) -> Data<'a> {
    match &chunk.data {
        ChunkData::Text(text) => Data::Text(text),
        ChunkData::Binary(bytes) => Data::Binary(bytes),
    }
}
