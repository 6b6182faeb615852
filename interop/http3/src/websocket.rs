//! One WebSocket: how its request is answered, and its echo.

use std::iter;

use hybi::connection::Transport;
use hybi::handshake::{
    Acceptance, HttpVersion, Request, RequestError, RequestParts, ServerHandshakeError,
};
use hybi::{Connection, Event, Inbox, Outbox, Server};
use quiche::h3::{Header, NameValue};

const PAGE: &[u8] = b"<!doctype html><html lang=en><title>HTTP/3</title>";

/// A response.
pub struct Response {
    pub fields: Vec<Header>,
    pub body: Vec<u8>,
}

impl Response {
    fn new<'a>(
        status: u16,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
    ) -> Self {
        // RFC 9114 §4.2: names are in lower case.
        let fields =
            fields.map(|(name, value)| Header::new(name.to_ascii_lowercase().as_bytes(), value));
        let status = Header::new(b":status", status.to_string().as_bytes());
        Self { fields: [status].into_iter().chain(fields).collect(), body: body.to_vec() }
    }
}

/// Returns the response to a request, and the WebSocket if it was accepted.
pub fn answer(list: &[Header], terms: &Acceptance<'static>) -> (Response, Option<WebSocket>) {
    open(list, terms).unwrap_or_else(|error| {
        let rejection = error.rejection();
        let response = match rejection.check(HttpVersion::Http3) {
            Ok(rejected) => Response::new(rejected.status(), rejected.fields(), rejected.content()),
            Err(_) => Response::new(500, iter::empty(), &[]),
        };
        (response, None)
    })
}

fn open(
    list: &[Header],
    terms: &Acceptance<'static>,
) -> Result<(Response, Option<WebSocket>), ServerHandshakeError> {
    let [mut method, mut path, mut scheme, mut authority, mut protocol] = [None; 5];
    let mut fields = Vec::new();
    for header in list {
        let (name, value) = (header.name(), header.value());
        let place = match name {
            b":method" => &mut method,
            b":path" => &mut path,
            b":scheme" => &mut scheme,
            b":authority" => &mut authority,
            b":protocol" => &mut protocol,
            _ => {
                fields.push((name, value));
                continue;
            }
        };
        // RFC 9114 §4.3: each once, and before the fields. quiche leaves that to us.
        let value = str::from_utf8(value).map_err(|_| RequestError::FieldValue)?;
        if place.replace(value).is_some() || !fields.is_empty() {
            return Err(RequestError::FieldName.into());
        }
    }
    let parts = RequestParts::new(method.unwrap_or_default(), path.unwrap_or_default())
        .version(HttpVersion::Http3)
        .protocol(protocol)
        .scheme(scheme)
        .authority(authority)
        .fields(&fields);
    let request = Request::from_parts(&parts)?;
    if request.method() == "GET" {
        let fields = [("content-type", &b"text/html; charset=utf-8"[..])];
        return Ok((Response::new(200, fields.into_iter(), PAGE), None));
    }
    let acceptance = terms.clone().subprotocol(request.choose_subprotocol(&["echo"]));
    let accepted = acceptance.check(&request)?;
    let response = Response::new(accepted.status(), accepted.fields(), b"");
    let ws = WebSocket {
        path: request.target().to_owned(),
        ws: accepted.into_connection(),
        inbox: Inbox::new(),
        out: Outbox::new(),
        end: None,
    };
    Ok((response, Some(ws)))
}

/// An open WebSocket that echoes.
pub struct WebSocket {
    path: String,
    ws: Connection<Server>,
    pub inbox: Inbox,
    pub out: Outbox,
    /// How it ended.
    end: Option<String>,
}

impl WebSocket {
    /// Reads the bytes that have been put into the inbox, and writes the replies.
    pub fn received(&mut self, n: usize) {
        self.inbox.filled(n);
        if let Err(error) = self.echo() {
            self.fail(&error.to_string());
        }
    }

    fn echo(&mut self) -> Result<(), hybi::Error> {
        let mut input = self.inbox.input();
        while let Some(event) = self.ws.receive(&mut input, &mut self.out)? {
            match event {
                Event::Text(text) => self.ws.send(&text, &mut self.out)?,
                Event::Binary(data) => self.ws.send(&data, &mut self.out)?,
                Event::Close(reason) => {
                    self.end = Some(match reason {
                        Some(it) => format!("{} {:?}", it.code.number(), it.reason),
                        None => "1005".to_owned(),
                    });
                }
                _ => {} // the replies to pings are in the output
            }
        }
        Ok(())
    }

    /// Takes note of the end of the stream.
    pub fn end_of_input(&mut self) {
        if let Err(error) = self.ws.end_of_input(&mut self.out) {
            self.fail(&error.to_string());
        }
    }

    /// Takes note of an error, unless the end has another reason.
    pub fn fail(&mut self, error: &str) {
        self.end.get_or_insert_with(|| error.to_owned());
    }

    /// Returns whether the stream is to end once the output has been written.
    pub fn is_over(&self) -> bool {
        self.ws.transport() == Transport::Close
    }

    /// Prints how it ended.
    pub fn report(&self) {
        println!("{}: {}", self.path, self.end.as_deref().unwrap_or("by the server"));
    }
}
