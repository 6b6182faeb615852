//! The lists of `connect.txt` in the types of the `http` crate.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};

use super::cases::borrowed;

/// `None`: the types cannot hold it.
pub(crate) fn header_map<'f>(
    fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>,
) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some(map)
}

/// Gives the pseudo-header fields to the types, as an HTTP stack does. `None`: they cannot hold it.
pub(crate) fn request(list: &[(Vec<u8>, Vec<u8>)], version: Version) -> Option<Request<()>> {
    let pseudo = list.iter().take_while(|(name, _)| name.starts_with(b":")).count();
    let (pseudo, fields) = list.split_at(pseudo);
    let find = |name: &str| {
        pseudo.iter().find(|(other, _)| other == name.as_bytes()).map(|(_, value)| &value[..])
    };
    let mut uri = Uri::builder();
    if let Some(scheme) = find(":scheme") {
        uri = uri.scheme(scheme);
    }
    if let Some(authority) = find(":authority") {
        uri = uri.authority(authority);
    }
    if let Some(path) = find(":path") {
        uri = uri.path_and_query(path);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(find(":method")?).ok()?;
    *request.uri_mut() = uri.build().ok()?;
    *request.version_mut() = version;
    *request.headers_mut() = header_map(borrowed(fields))?;
    // The types put it in lower case, and lose a fragment.
    let is_kept = !fields.iter().any(|(name, _)| name.iter().any(u8::is_ascii_uppercase))
        && !find(":path").is_some_and(|path| path.contains(&b'#'));
    is_kept.then_some(request)
}

/// Makes a response. `None`: the types cannot hold it.
pub(crate) fn response(list: &[(Vec<u8>, Vec<u8>)], version: Version) -> Option<Response<()>> {
    let (status, fields) = list.split_first()?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_bytes(&status.1).ok()?;
    *response.version_mut() = version;
    *response.headers_mut() = header_map(borrowed(fields))?;
    // The types put it in lower case.
    let is_kept = !fields.iter().any(|(name, _)| name.iter().any(u8::is_ascii_uppercase));
    is_kept.then_some(response)
}
