//! The corpus of the fuzz targets.

use crate::bodies;
use crate::corpus::replay;

#[test]
fn field() {
    replay("header", bodies::header);
}

#[test]
fn server() {
    replay("server", bodies::server);
}

#[test]
fn client() {
    replay("client", bodies::client);
}

#[test]
fn pair() {
    replay("pair", bodies::pair);
}

#[test]
fn relay() {
    replay("relay", bodies::relay::relay);
}
