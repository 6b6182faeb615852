//! `chat` and `push` on a bus, tested from outside as their users would: started as programs, with
//! a Redis of their own. It needs `redis-server`; `.ci/run` installs it.
#![allow(missing_docs, unreachable_pub)]

mod browser;
mod chat;
#[allow(dead_code, reason = "not every test needs all of it")]
#[path = "../../../../tests/browser/devtools.rs"]
mod devtools;
mod engine;
mod faults;
mod large;
#[allow(dead_code, reason = "not every test needs all of it")]
#[path = "../../../../tests/browser/page.rs"]
mod page;
#[allow(dead_code, reason = "not every test needs all of it")]
#[path = "../../../../tests/systems/program.rs"]
mod program;
mod push;
mod user;
