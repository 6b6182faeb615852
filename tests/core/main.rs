//! The connection through the public API: what may be received and sent, replies, closing, keepalive, and what errors say.

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "a crate of its own elsewhere")]
mod bodies;

mod adapter;
mod backlog;
mod buffers;
mod chunks;
mod closing;
#[path = "../common/corpus.rs"]
mod corpus;
mod ending;
mod errors;
mod flow_control;
mod frames;
mod guide;
mod in_place;
mod keepalive;
mod printing;
mod properties;
mod receiving;
mod relay;
mod replay;
mod replies;
mod sending;
#[path = "../common/sources.rs"]
mod sources;
mod traits;

use bodies::common;
