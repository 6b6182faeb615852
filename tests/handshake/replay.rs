//! The corpus of the fuzz targets.

use crate::bodies;
use crate::corpus::replay;

#[test]
fn server_handshake() {
    replay("server_handshake", bodies::handshake::server_handshake);
}

#[test]
fn client_handshake() {
    replay("client_handshake", bodies::handshake::client_handshake);
}

#[test]
fn handshake_pair() {
    replay("handshake_pair", bodies::handshake::handshake_pair);
}

#[test]
fn request_fields() {
    replay("request_fields", bodies::fields::request_fields);
}

#[test]
fn response_fields() {
    replay("response_fields", bodies::fields::response_fields);
}
