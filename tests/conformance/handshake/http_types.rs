//! The same cases in the types of the `http` crate: the verdict is the same, and so is the response.
//! So are those of extended CONNECT.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri as HttpUri, Version};
use hybi::handshake::{HttpVersion, Request, Response};

use super::connect;
use super::parts::{Cut, Fields, check_answer, check_response};
use super::*;

/// How many cases of each file come in as these types. The others are marked.
const REQUESTS: usize = 133;
const RESPONSES: usize = 74;
const CONNECTS: usize = 176; // two versions of each
const ANSWERS: usize = 29;

/// `None`: the types cannot hold it.
pub(super) fn header_map<'f>(
    fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>,
) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some(map)
}

fn version(version: HttpVersion) -> Version {
    match version {
        HttpVersion::Http10 => Version::HTTP_10,
        HttpVersion::Http11 => Version::HTTP_11,
        HttpVersion::Http2 => Version::HTTP_2,
        _ => Version::HTTP_3,
    }
}

/// `None`: the types cannot hold it, or only without its fragment.
fn request_of(cut: &Cut) -> Option<http::Request<()>> {
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(cut.start[0].as_bytes()).ok()?;
    *request.uri_mut() = HttpUri::try_from(&cut.start[1]).ok()?;
    *request.version_mut() = version(cut.version);
    *request.headers_mut() = header_map(cut.borrowed())?;
    (!cut.start[1].contains('#')).then_some(request)
}

fn response_of(status: u16, cut: &Cut) -> Option<http::Response<()>> {
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    *response.version_mut() = version(cut.version);
    *response.headers_mut() = header_map(cut.borrowed())?;
    Some(response)
}

/// The fields with the names that the bytes have.
fn fields_of(map: &HeaderMap) -> Fields {
    let name = |name: &HeaderName| match name.as_str() {
        "sec-websocket-accept" => "Sec-WebSocket-Accept".to_owned(),
        "sec-websocket-version" => "Sec-WebSocket-Version".to_owned(),
        "sec-websocket-extensions" => "Sec-WebSocket-Extensions".to_owned(),
        "content-type" => "Content-Type".to_owned(),
        name => name[..1].to_uppercase() + &name[1..],
    };
    map.iter().map(|(it, value)| (name(it), value.as_bytes().to_vec())).collect()
}

#[test]
fn requests_from_http_types() {
    let mut run = 0;
    for row in rows(include_str!("server.txt"), REQUEST, "Host") {
        let request = Cut::of_request(&row).as_ref().and_then(request_of);
        assert_eq!(request.is_some(), row.doors == Doors::All, "{}: its last column", row.id);
        let Some(request) = request else { continue };
        run += 1;
        let terms = terms(row.setting);
        let opened = Request::from_http(&request, None)
            .map_err(ServerHandshakeError::from)
            .and_then(|request| Ok(terms.check(&request)?.into_http()?));
        let answer = match opened {
            Ok((response, _)) => {
                Ok((response.status().as_u16(), fields_of(response.headers()), Vec::new()))
            }
            Err(ServerHandshakeError::Request(error)) => {
                let response = error.rejection().into_http().unwrap();
                let (status, fields) = (response.status().as_u16(), fields_of(response.headers()));
                Err((error, (status, fields, response.into_body().to_vec())))
            }
            Err(error) => panic!("{}: {error}", row.id),
        };
        check_answer(&row, &answer);
    }
    assert_eq!(run, REQUESTS);
}

#[test]
fn responses_from_http_types() {
    let mut run = 0;
    for row in rows(include_str!("client.txt"), RESPONSE, "Upgrade") {
        let response = Cut::of_response(&row)
            .and_then(|(status, cut)| Some((status, response_of(status, &cut)?)));
        assert_eq!(response.is_some(), row.doors == Doors::All, "{}: its last column", row.id);
        let Some((status, response)) = response else { continue };
        run += 1;
        if row.setting == "deflate" && cfg!(not(feature = "deflate")) {
            continue; // cannot be offered
        }
        check_response(&row, status, Response::from_http(&response));
    }
    assert_eq!(run, RESPONSES);
}

/// Gives the pseudo-header fields to the types, as an HTTP stack does. `None`: they cannot hold it.
fn connect_of(list: &[(Vec<u8>, Vec<u8>)], version: Version) -> Option<http::Request<()>> {
    let pseudo = list.iter().take_while(|(name, _)| name.starts_with(b":")).count();
    let (pseudo, fields) = list.split_at(pseudo);
    let find = |name: &str| {
        pseudo.iter().find(|(other, _)| other == name.as_bytes()).map(|(_, value)| &value[..])
    };
    let mut uri = HttpUri::builder();
    if let Some(scheme) = find(":scheme") {
        uri = uri.scheme(scheme);
    }
    if let Some(authority) = find(":authority") {
        uri = uri.authority(authority);
    }
    if let Some(path) = find(":path") {
        uri = uri.path_and_query(path);
    }
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(find(":method")?).ok()?;
    *request.uri_mut() = uri.build().ok()?;
    *request.version_mut() = version;
    *request.headers_mut() = header_map(connect::borrowed(fields))?;
    // The types put it in lower case, and lose a fragment.
    let is_kept = !fields.iter().any(|(name, _)| name.iter().any(u8::is_ascii_uppercase))
        && !find(":path").is_some_and(|path| path.contains(&b'#'));
    is_kept.then_some(request)
}

#[test]
fn extended_connects_from_http_types() {
    let mut run = 0;
    for case in connect::cases("policy") {
        let list = case.list(&connect::REQUEST);
        let protocol = list.iter().find(|(name, _)| name == b":protocol");
        let protocol = protocol.map(|(_, value)| std::str::from_utf8(value).unwrap());
        for version in [Version::HTTP_2, Version::HTTP_3] {
            let request = connect_of(&list, version);
            assert_eq!(request.is_some(), case.doors == Doors::All, "{}: its last column", case.id);
            let Some(request) = request else { continue };
            run += 1;
            let verdict = connect::decide(&case, Request::from_http(&request, protocol), false);
            assert_eq!(verdict, case.verdict, "{} {version:?}", case.id);
        }
    }
    assert_eq!(run, CONNECTS);
}

#[test]
fn answers_to_extended_connects_from_http_types() {
    let uri = Uri::parse("wss://server.example.com/chat").unwrap();
    let mut run = 0;
    for case in connect::cases("offers") {
        let list = case.list(&connect::RESPONSE);
        let (status, fields) = list.split_first().unwrap();
        let headers = header_map(connect::borrowed(fields))
            .filter(|_| !fields.iter().any(|(name, _)| name.iter().any(u8::is_ascii_uppercase)));
        let response = headers.zip(StatusCode::from_bytes(&status.1).ok());
        assert_eq!(response.is_some(), case.doors == Doors::All, "{}: its last column", case.id);
        let Some((headers, status)) = response else { continue };
        run += 1;
        let mut response = http::Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = Version::HTTP_2;
        *response.headers_mut() = headers;
        let prepared = asked(case.setting.1, &uri);
        let prepared = prepared.prepare_connect().unwrap();
        let opened = Response::from_http(&response)
            .and_then(|response| prepared.open(&response, || [1, 2, 3, 4]));
        let fault = |error| connect::fault(error, status.as_u16());
        let verdict = opened.map_or_else(fault, |_| "open".to_owned());
        assert_eq!(verdict, case.verdict, "{}", case.id);
    }
    assert_eq!(run, ANSWERS);
}

/// What is sent is what the lists have.
#[test]
fn a_request_in_http_types_is_that_of_the_lists() {
    let uri = Uri::parse("wss://user:secret@[::1]:8080/a?b").unwrap();
    let request = asked("chat", &uri).origin("http://a").field("Cookie", "c=d").field("A", b"\xff");
    for prepared in
        [request.prepare_with_nonce(*NONCE).unwrap(), request.prepare_connect().unwrap()]
    {
        let sent = prepared.to_http().unwrap();
        assert_eq!(sent.method(), prepared.method());
        assert_eq!(sent.uri().path_and_query().unwrap().as_str(), prepared.target());
        let fields: Vec<_> = prepared
            .fields()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
            .collect();
        let headers: Vec<_> = sent
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        assert_eq!(headers, fields);
        let printed = format!("{sent:?}");
        assert!(!printed.contains("c=d") && !printed.contains("Basic"), "{printed}");
        // A server that gets it in these types understands it.
        let received = Request::from_http(&sent, prepared.protocol()).unwrap();
        assert_eq!(received.check(), Ok(()));
        assert_eq!(received.host(), Some("[::1]:8080"));
    }
    let connect = request.prepare_connect().unwrap().to_http().unwrap();
    assert_eq!(connect.uri(), "https://[::1]:8080/a?b");
    assert_eq!(connect.version(), Version::HTTP_2);
}
