//! An open connection over a scripted stream: who is woken, what is written when, what a dropped
//! future leaves behind, and how it ends.

mod backlog;
mod cancelling;
mod closing;
#[path = "../common/mod.rs"]
mod common;
mod endings;
mod fairness;
mod handover;
mod parts;
mod replies;
mod sending;
mod threads;
mod time;
mod traits;
mod wakers;
