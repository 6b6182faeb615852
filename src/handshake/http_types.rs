//! The handshake in the types of the [`http`](::http) crate, for stacks that are built on it.
//!
//! Requests and responses are borrowed. Only the list of their fields is made anew.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;

use ::http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use bytes::Bytes;

use super::acceptance::Accepted;
use super::client_request::PreparedRequest;
use super::error::{HandshakeUsageError, RequestError, ResponseError};
use super::known::Head;
use super::rejection::Rejection;
use super::request::Request;
use super::response::Response;
use crate::connection::Connection;
use crate::http::fields::Pairs;
use crate::http::head::HttpVersion;
use crate::role::Server;

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<'a> Request<'a> {
    /// Makes a request of one that an HTTP stack has parsed, whatever its body is. The rules are
    /// those of [`from_parts`](Self::from_parts).
    ///
    /// `protocol` is the `:protocol` of an extended CONNECT. Each stack keeps it in a type of its
    /// own, such as `request.extensions().get::<hyper::ext::Protocol>()`. Everything else, the
    /// version of HTTP too, is in the request.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use hybi::handshake::{Acceptance, HandshakeUsageError, Request, ServerHandshakeError};
    /// use hybi::{Connection, Server};
    ///
    /// type Answer = (http::Response<Bytes>, Option<Connection<Server>>);
    ///
    /// /// Returns the response to send, and the connection that then is open.
    /// fn answer<B>(
    ///     request: &http::Request<B>,
    ///     acceptance: &Acceptance<'_>,
    /// ) -> Result<Answer, HandshakeUsageError> {
    ///     let opened = Request::from_http(request, None)
    ///         .map_err(ServerHandshakeError::from)
    ///         .and_then(|request| Ok(acceptance.check(&request)?.into_http()?));
    ///     match opened {
    ///         Ok((response, ws)) => Ok((response.map(|()| Bytes::new()), Some(ws))),
    ///         Err(error) => Ok((error.rejection().into_http()?, None)),
    ///     }
    /// }
    ///
    /// let acceptance = Acceptance::from_same_origin();
    /// let request = http::Request::get("/chat")
    ///     .header("host", "server.example.com")
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "Upgrade")
    ///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("sec-websocket-version", "13");
    /// let (response, ws) = answer(&request.body(())?, &acceptance)?;
    /// assert_eq!(response.status(), 101);
    /// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// assert!(ws.is_some());
    ///
    /// let page = http::Request::get("/chat").header("host", "server.example.com").body(())?;
    /// let (response, ws) = answer(&page, &acceptance)?;
    /// assert_eq!(response.status(), 426);
    /// assert!(ws.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`from_parts`](Self::from_parts), as far as a stack's types allow them, and
    /// [`RequestError::HttpVersion`] for HTTP/0.9.
    pub fn from_http<B>(
        request: &'a ::http::Request<B>,
        protocol: Option<&'a str>,
    ) -> Result<Self, RequestError> {
        let version = version(request.version()).ok_or(RequestError::HttpVersion)?;
        let uri = request.uri();
        let (target, scheme, authority) = if version >= HttpVersion::Http2 {
            let path = uri.path_and_query().map_or("", |path| path.as_str());
            (path.into(), uri.scheme_str(), uri.authority().map(|authority| authority.as_str()))
        } else {
            (target(uri), None, None)
        };
        let target = match target {
            Cow::Borrowed(target) => Cow::Borrowed(target.as_bytes()),
            Cow::Owned(target) => Cow::Owned(target.into_bytes()),
        };
        let method = request.method().as_str().as_bytes();
        let head = Head::of_typed_request(method, target, version, pairs(request.headers()))?;
        Self::of_parts(head, protocol, scheme, authority)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl Accepted<'_> {
    /// Returns the response to send, and the connection, which is open once it has been sent.
    /// [`Request::from_http`] has an example.
    ///
    /// # Errors
    ///
    /// [`HandshakeUsageError::TooLong`]: these types cannot hold the fields that were added.
    pub fn into_http(
        self,
    ) -> Result<(::http::Response<()>, Connection<Server>), HandshakeUsageError> {
        let mut response = ::http::Response::new(());
        *response.status_mut() = status(self.status())?;
        *response.headers_mut() = header_map(self.fields())?;
        Ok((response, self.into_connection()))
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl Rejection<'_> {
    /// Returns the response to send. A server such as hyper's adds its `Content-Length`, and leaves
    /// out the body in a response to HEAD. The h2 crate leaves both to you.
    ///
    /// ```
    /// use hybi::handshake::Rejection;
    ///
    /// let response = Rejection::new(401).field("WWW-Authenticate", "Basic").into_http()?;
    /// assert_eq!(response.headers()["www-authenticate"], "Basic");
    /// # Ok::<(), hybi::handshake::HandshakeUsageError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The response cannot be sent, or these types cannot hold it
    /// ([`HandshakeUsageError::TooLong`]).
    pub fn into_http(self) -> Result<::http::Response<Bytes>, HandshakeUsageError> {
        self.check_any()?;
        let (status, headers) = (status(self.status())?, header_map(self.fields())?);
        let content = match self.into_content() {
            Cow::Borrowed(content) => Bytes::copy_from_slice(content),
            Cow::Owned(content) => content.into(),
        };
        let mut response = ::http::Response::new(content);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl PreparedRequest<'_> {
    /// Returns the request to send. Keep `self` to check the response.
    ///
    /// Its URI is the target alone, as HTTP/1.1 has it. Give it a scheme and an authority for a
    /// stack that connects by itself. An extended CONNECT has a whole URI. Its
    /// [`protocol`](Self::protocol) is yours to add, because each stack has a type of its own for
    /// it: `request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"))`.
    ///
    /// ```
    /// use hybi::Uri;
    /// use hybi::handshake::{ClientRequest, Response};
    ///
    /// let uri = Uri::parse("ws://example.com/chat")?;
    /// let request = ClientRequest::new(&uri).subprotocol("chat");
    /// // For tests only; outside of them use `prepare`.
    /// let prepared = request.prepare_with_nonce(*b"the sample nonce")?;
    /// let request = prepared.to_http()?; // send this
    /// assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/chat"));
    /// assert_eq!(request.headers()["sec-websocket-key"], "dGhlIHNhbXBsZSBub25jZQ==");
    ///
    /// // What the stack has received. Its own status for a refusal: `ResponseError::Status`.
    /// let response = http::Response::builder()
    ///     .status(101)
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "Upgrade")
    ///     .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    ///     .header("sec-websocket-protocol", "chat")
    ///     .body(())?;
    /// let response = Response::from_http(&response)?;
    /// let ws = prepared.open(&response, || [1, 2, 3, 4])?; // outside of tests: `RandomKeys`
    /// assert_eq!(response.subprotocol(), Some("chat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeUsageError::TooLong`]: these types cannot hold the URI or the fields.
    pub fn to_http(&self) -> Result<::http::Request<()>, HandshakeUsageError> {
        let is_connect = self.protocol().is_some();
        let uri = if is_connect {
            format!("{}://{}{}", self.scheme(), self.authority(), self.target()).try_into()
        } else {
            self.target().try_into()
        };
        let mut request = ::http::Request::new(());
        *request.uri_mut() = uri.map_err(|_| HandshakeUsageError::TooLong)?;
        *request.headers_mut() = header_map(self.fields())?;
        if is_connect {
            *request.method_mut() = Method::CONNECT;
            *request.version_mut() = Version::HTTP_2;
        }
        Ok(request)
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
impl<'a> Response<'a> {
    /// Makes a response of one that an HTTP stack has parsed, whatever its body is.
    /// [`PreparedRequest::to_http`] has an example.
    ///
    /// # Errors
    ///
    /// [`ResponseError::HttpVersion`] for HTTP/0.9.
    pub fn from_http<B>(response: &'a ::http::Response<B>) -> Result<Self, ResponseError> {
        let version = version(response.version()).ok_or(ResponseError::HttpVersion)?;
        let (status, fields) = (response.status().as_u16(), pairs(response.headers()));
        Ok(Self { head: Head::of_typed_response(status, version, fields) })
    }
}

fn version(version: Version) -> Option<HttpVersion> {
    match version {
        Version::HTTP_10 => Some(HttpVersion::Http10),
        Version::HTTP_11 => Some(HttpVersion::Http11),
        Version::HTTP_2 => Some(HttpVersion::Http2),
        Version::HTTP_3 => Some(HttpVersion::Http3),
        _ => None,
    }
}

/// Returns the target of a request in HTTP/1.1 (RFC 9112 §3.2).
fn target(uri: &Uri) -> Cow<'_, str> {
    match (uri.scheme(), uri.authority(), uri.path_and_query()) {
        (None, None, Some(path)) => path.as_str().into(),
        (None, Some(authority), None) => authority.as_str().into(),
        _ => uri.to_string().into(),
    }
}

/// Names in these types are tokens, values are without control characters but tabs.
fn pairs(fields: &HeaderMap) -> Pairs<'_> {
    let pairs = fields.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    Pairs::Made(pairs.collect())
}

/// Makes a map of fields that have been checked.
fn header_map<'a>(
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<HeaderMap, HandshakeUsageError> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| HandshakeUsageError::TooLong)?;
        let value = HeaderValue::from_bytes(value);
        let mut value = value.map_err(|_| HandshakeUsageError::FieldValue)?;
        // Not to be printed, nor indexed by HPACK (RFC 7541 §7.1.3).
        let secret = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE];
        value.set_sensitive(secret.contains(&name));
        map.try_append(name, value).map_err(|_| HandshakeUsageError::TooLong)?;
    }
    Ok(map)
}

fn status(status: u16) -> Result<StatusCode, HandshakeUsageError> {
    StatusCode::from_u16(status).map_err(|_| HandshakeUsageError::Status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fields::is_field_value;
    use crate::http::list::is_token;

    /// So nobody need check them again.
    #[test]
    fn names_and_values_in_these_types_are_well_formed() {
        for byte in 0..=u8::MAX {
            for name in [&[byte][..], &[b'a', byte], &[b'a', byte, b'b'], &[byte; 70]] {
                assert!(HeaderName::from_bytes(name).is_err() || is_token(name), "{byte:#x}");
                assert!(Method::from_bytes(name).is_err() || is_token(name), "{byte:#x}");
            }
            for value in [&[byte][..], &[b'a', byte, b'b'], &[byte; 70]] {
                assert_eq!(HeaderValue::from_bytes(value).is_ok(), is_field_value(value));
            }
        }
        assert!(HeaderName::from_bytes(b"").is_err() && Method::from_bytes(b"").is_err());
    }
}
