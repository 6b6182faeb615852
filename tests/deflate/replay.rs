//! The corpus of the fuzz targets.

use crate::bodies;
use crate::corpus::{replay, replay_varied};

#[test]
fn negotiate() {
    replay("negotiate", bodies::deflate::negotiate);
}

#[test]
fn inflate() {
    replay_varied("inflate", bodies::deflate::inflate, 25);
}
