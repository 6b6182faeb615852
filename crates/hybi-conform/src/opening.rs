//! The tester's side of the opening handshake.

use crate::case::Role;
use crate::deflate::{Deflater, Inflater};
use crate::handshake::{self, Fields};
use crate::http::{self, Head};
use crate::script::Compression;

/// The server to be tested, as requests name it.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    resource: String,
    origin: Option<String>,
    fields: Vec<(String, String)>,
}

impl Target {
    /// Names a server: its host, with a port if that is not the default one, and the path and
    /// query.
    pub fn new(host: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { host: host.into(), resource: resource.into(), origin: None, fields: Vec::new() }
    }

    /// Sets the `Origin` of every request. By default only the handshake cases send one, and it is
    /// that of the host.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// Adds a field to every request, such as credentials.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// A good request.
    pub(crate) fn request(&self, key: &str, offer: Option<&str>) -> String {
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
            self.resource, self.host
        );
        if let Some(origin) = &self.origin {
            request += &format!("Origin: {origin}\r\n");
        }
        if let Some(offer) = offer {
            request += &format!("Sec-WebSocket-Extensions: {offer}\r\n");
        }
        request + &self.more() + "\r\n"
    }

    fn more(&self) -> String {
        self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    /// A good request over HTTP/2. `offer` is the value of `sec-websocket-extensions`.
    pub(crate) fn connect(&self, is_secure: bool, offer: Option<&str>) -> Fields {
        let mut list = self.pseudo(is_secure);
        let mut add = |name: &str, value: &str| list.push((name.into(), value.into()));
        if let Some(offer) = offer {
            add("sec-websocket-extensions", offer);
        }
        add("sec-websocket-version", "13");
        if let Some(origin) = &self.origin {
            add("origin", origin);
        }
        for (name, value) in &self.fields {
            add(&name.to_ascii_lowercase(), value);
        }
        list
    }

    fn pseudo(&self, is_secure: bool) -> Fields {
        let scheme = if is_secure { "https" } else { "http" };
        let list = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", scheme),
            (":path", &self.resource),
            (":authority", &self.host),
        ];
        list.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// The list of a case of `connect.txt`, made for this server: its path, authority and origin
    /// take the place of those of the example.
    pub(crate) fn edited_connect(&self, case: &handshake::Connect, is_secure: bool) -> Fields {
        let mut good = self.pseudo(is_secure);
        let scheme = if is_secure { "https" } else { "http" };
        let origin = self.origin.clone().unwrap_or_else(|| format!("{scheme}://{}", self.host));
        for (name, value) in [
            ("sec-websocket-protocol", "chat, superchat"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("sec-websocket-version", "13"),
            ("origin", &origin),
        ] {
            good.push((name.into(), value.into()));
        }
        for (name, value) in &self.fields {
            good.push((name.to_ascii_lowercase().into(), value.clone().into()));
        }
        // Without the port.
        let name = match self.host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => name,
            _ => &*self.host,
        };
        case.edit(good, |field, value| {
            const EXAMPLE: &[u8] = b"server.example.com";
            if field == ":path" {
                return replaced(&value, b"/chat", self.resource.as_bytes(), 1);
            }
            match value.eq_ignore_ascii_case(EXAMPLE) {
                true if value == EXAMPLE => self.host.clone().into(),
                true => self.host.to_ascii_uppercase().into(),
                false => replaced(&value, EXAMPLE, name.as_bytes(), 1),
            }
        })
    }

    /// The request of a handshake case, made for this server: its path, host and origin take the
    /// place of those of the example.
    pub(crate) fn edited(&self, case: &handshake::Head) -> Vec<u8> {
        let origin = self.origin.clone().unwrap_or_else(|| format!("http://{}", self.host));
        let good = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {origin}\r\n\
             Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
            self.resource,
            self.host,
            self.more()
        );
        let Some(mut bytes) = case.edit(&good) else { return case.bytes.clone() };
        if case.edit.starts_with("start ") {
            bytes = replaced(&bytes, b"/chat", self.resource.as_bytes(), 1);
        }
        if case.setting == "same" {
            let name = self.host.rsplit_once(':').map_or(&*self.host, |(name, _)| name);
            let whole = format!("{}\r\n", self.host);
            bytes = replaced(&bytes, b"server.example.com\r\n", whole.as_bytes(), 1);
            bytes = replaced(&bytes, b"server.example.com", name.as_bytes(), 1);
        }
        bytes
    }
}

/// Replaces an occurrence of some bytes, so many times.
pub(crate) fn replaced(bytes: &[u8], old: &[u8], new: &[u8], times: usize) -> Vec<u8> {
    let (mut out, mut rest, mut left) = (Vec::new(), bytes, times);
    while left > 0 {
        let Some(at) = rest.windows(old.len()).position(|window| window == old) else { break };
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
        left -= 1;
    }
    out.extend_from_slice(rest);
    out
}

/// The request of a client that is tested.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) head: Head,
    /// As it came.
    pub(crate) bytes: Vec<u8>,
}

impl Request {
    /// Reads a request, and returns its length. `None`: it is not complete.
    ///
    /// # Errors
    ///
    /// It is no head of HTTP, or it has more than 64 KiB. The text says what it did, to be put
    /// after "the client".
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, String> {
        let Some((head, len)) = Head::read(bytes)? else { return Ok(None) };
        Ok(Some((Self { head, bytes: bytes[..len].to_vec() }, len)))
    }

    /// Returns the target of the request: the path and query.
    pub fn resource(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Answers a request that is not a case's: opens the connection if the request allows it.
    ///
    /// # Errors
    ///
    /// It is not a good opening handshake, and the text says why.
    pub fn accept(&self) -> Result<Vec<u8>, String> {
        self.check()?;
        Ok(self.response(None).into_bytes())
    }

    /// Checks the rules of RFC 6455 §4.1.
    pub(crate) fn check(&self) -> Result<(), String> {
        let head = &self.head;
        let words: Vec<_> = head.start.split(' ').collect();
        if !matches!(words[..], ["GET", _, "HTTP/1.1"]) {
            return Err(format!("sent {:?} instead of GET, a target and HTTP/1.1", head.start));
        }
        head.one("host")?;
        if !head.lists("upgrade", "websocket") {
            return Err("sent no Upgrade to websocket".into());
        }
        if !head.lists("connection", "upgrade") {
            return Err("sent no Connection with upgrade".into());
        }
        if !http::is_key(head.one("sec-websocket-key")?) {
            return Err("sent a key that is not base64 of 16 bytes".into());
        }
        match head.one("sec-websocket-version")? {
            "13" => Ok(()),
            other => Err(format!("sent version {other:?}, not 13")),
        }
    }

    pub(crate) fn key(&self) -> &str {
        self.head.all("sec-websocket-key").next().unwrap_or_default()
    }

    pub(crate) fn offer(&self) -> Option<String> {
        self.head.joined("sec-websocket-extensions")
    }

    /// The first subprotocol that is offered.
    fn subprotocol(&self) -> Option<String> {
        let offered = self.head.joined("sec-websocket-protocol")?;
        offered.split(',').map(str::trim).find(|name| !name.is_empty()).map(str::to_owned)
    }

    /// A good response.
    pub(crate) fn response(&self, extensions: Option<&str>) -> String {
        let mut response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n",
            http::accept(self.key())
        );
        if let Some(extensions) = extensions {
            response += &format!("Sec-WebSocket-Extensions: {extensions}\r\n");
        }
        response + "\r\n"
    }

    /// The response of a handshake case, made for this client: its accept value and subprotocol
    /// take the place of those of the example. `None`: the client has not offered what the case is
    /// about.
    pub(crate) fn edited(&self, case: &handshake::Head) -> Option<Vec<u8>> {
        if case.setting == "deflate" {
            let offer = self.offer().unwrap_or_default();
            let wants_bits = case.edit.contains("client_max_window_bits");
            if !offer.contains("permessage-deflate")
                || wants_bits && !offer.contains("client_max_window_bits")
            {
                return None;
            }
        }
        const EXAMPLE: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let accept = http::accept(self.key());
        let split = |text: &str| format!("{} {}", &text[..15], &text[15..]);
        let mut bytes = case.bytes.clone();
        for (old, new) in [
            (split(EXAMPLE), split(&accept)),
            (EXAMPLE.to_owned(), accept.clone()),
            (other_case(EXAMPLE), other_case(&accept)),
            (EXAMPLE.trim_end_matches('=').to_owned(), accept.trim_end_matches('=').to_owned()),
            ("dGhlIHNhbXBsZSBub25jZQ==".to_owned(), self.key().to_owned()),
        ] {
            if bytes.windows(old.len()).any(|window| window == old.as_bytes()) {
                bytes = replaced(&bytes, old.as_bytes(), new.as_bytes(), 2);
                break;
            }
        }
        // A client would refuse a subprotocol that it has not offered, whatever the case is about.
        let is_about_it = case.id.starts_with("subprotocol/") && case.verdict != "open";
        if !is_about_it && self.subprotocol().as_deref() != Some("chat") {
            let line = self.subprotocol();
            let line = line.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
            let line = line.unwrap_or_default();
            let old = b"Sec-WebSocket-Protocol: chat\r\n";
            bytes = replaced(&bytes, old, line.as_bytes(), 1);
        }
        // Unlike the client of the example, this one may have offered it.
        match case.id {
            "extension/not-offered" if self.offer().is_some() => {
                bytes = replaced(&bytes, b"permessage-deflate", b"x-not-offered", 1);
            }
            "subprotocol/not-offered" if self.subprotocol().is_some() => {
                bytes = replaced(&bytes, b": chat\r\n", b": x-not-offered\r\n", 1);
            }
            _ => {}
        }
        Some(bytes)
    }
}

/// The same with another case of the first letter.
fn other_case(text: &str) -> String {
    let at = text.find(|char: char| char.is_ascii_alphabetic()).unwrap_or_default();
    let other = |char: char| match char.is_ascii_lowercase() {
        true => char.to_ascii_uppercase(),
        false => char.to_ascii_lowercase(),
    };
    text.char_indices().map(|(i, char)| if i == at { other(char) } else { char }).collect()
}

/// Checks the rules of RFC 6455 §4.1 for the response of a server. Returns what extensions it
/// names.
pub(crate) fn check_response(
    head: &Head,
    key: &str,
    subprotocols: &[&str],
) -> Result<Option<String>, String> {
    let is_websocket = |value: &str| value.eq_ignore_ascii_case("websocket");
    if !is_websocket(head.one("upgrade")?) {
        return Err("sent an Upgrade to something else than websocket".into());
    }
    if !head.lists("connection", "upgrade") {
        return Err("sent no Connection with upgrade".into());
    }
    if head.one("sec-websocket-accept")? != http::accept(key) {
        return Err("sent a Sec-WebSocket-Accept that is not that of the key".into());
    }
    if let Some(chosen) = head.joined("sec-websocket-protocol")
        && !subprotocols.contains(&&*chosen)
    {
        return Err(format!("chose the subprotocol {chosen:?}, which was not offered"));
    }
    Ok(head.joined("sec-websocket-extensions"))
}

/// The parameters of permessage-deflate that were agreed on, read from the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreed {
    server_takeover: bool,
    client_takeover: bool,
    server_bits: u8,
    client_bits: u8,
}

impl Agreed {
    pub(crate) fn read(response: &str) -> Option<Self> {
        let mut agreed =
            Self { server_takeover: true, client_takeover: true, server_bits: 15, client_bits: 15 };
        let mut parts = response.split(';').map(str::trim);
        if parts.next() != Some("permessage-deflate") {
            return None;
        }
        let mut names = Vec::new();
        for part in parts {
            let (name, value) = part.split_once('=').unzip();
            let name = name.unwrap_or(part);
            // None may be there twice (RFC 7692 §7.1).
            if names.contains(&name) {
                return None;
            }
            names.push(name);
            // Without leading zeros (RFC 7692 §7.1.2.1).
            let is_plain = |bits: &&str| bits.starts_with(|first: char| matches!(first, '1'..='9'));
            let bits = || {
                let bits = value.map(|value| value.trim_matches('"')).filter(is_plain)?;
                bits.parse().ok().filter(|bits| (8..=15).contains(bits))
            };
            match name {
                "server_no_context_takeover" if value.is_none() => agreed.server_takeover = false,
                "client_no_context_takeover" if value.is_none() => agreed.client_takeover = false,
                "server_max_window_bits" => agreed.server_bits = bits()?,
                "client_max_window_bits" => agreed.client_bits = bits()?,
                _ => return None,
            }
        }
        Some(agreed)
    }

    /// Returns whether a server may answer this to the first element of the offer, which is the
    /// preferred one.
    pub(crate) fn honours(&self, offer: &str) -> bool {
        let first = offer.split(',').next().unwrap_or_default();
        let asked_bits = first.split("server_max_window_bits=").nth(1);
        let asked_bits = asked_bits.and_then(|bits| bits.parse().ok()).unwrap_or(15);
        let asked_no_takeover = first.contains("server_no_context_takeover");
        self.server_bits <= asked_bits && !(self.server_takeover && asked_no_takeover)
    }

    /// Returns the tester's compressor and decompressor, if this role is under test.
    pub(crate) fn codec(&self, under_test: Role) -> (Deflater, Inflater) {
        let (server, client) =
            ((self.server_bits, self.server_takeover), (self.client_bits, self.client_takeover));
        let (sends, receives) =
            if under_test == Role::Server { (client, server) } else { (server, client) };
        (Deflater::new(sends.0, sends.1), Inflater::new(receives.0, receives.1))
    }
}

impl Compression {
    /// Returns the answer to the offer of a client. `None`: the case cannot be run with that
    /// client.
    pub(crate) fn answer_to(&self, offer: &str) -> Option<String> {
        let wants_bits = self.answer.contains("client_max_window_bits");
        // The first element that allows it.
        let element = offer.split(',').map(str::trim).find(|element| {
            element.starts_with("permessage-deflate")
                && (!wants_bits || element.contains("client_max_window_bits"))
        })?;
        let mut answer = self.answer.to_owned();
        // A server that accepts the offer must do what it asks for (RFC 7692 §7.1.1.1, §7.1.2.1).
        for part in element.split(';').map(str::trim) {
            if part == "server_no_context_takeover" || part.starts_with("server_max_window_bits=") {
                answer += "; ";
                answer += part;
            }
        }
        Some(answer)
    }
}

#[test]
fn parameters_that_are_no_answer() {
    let reads =
        |parameters: &str| Agreed::read(&format!("permessage-deflate{parameters}")).is_some();
    for right in ["", "; server_max_window_bits=9", "; client_max_window_bits=\"15\""] {
        assert!(reads(right), "{right}");
    }
    for wrong in [
        "; server_max_window_bits=015",
        "; server_max_window_bits=+15",
        "; server_max_window_bits=7",
        "; client_max_window_bits",
        "; server_max_window_bits=15; server_max_window_bits=15",
        "; server_no_context_takeover; server_no_context_takeover",
        "; unknown",
        ", permessage-deflate",
    ] {
        assert!(!reads(wrong), "{wrong}");
    }
}
