//! A million pings to callers who handle their output in different ways: what is unsent decides whether they are answered,
//! wherever it waits.

use std::collections::VecDeque;

use hybi::{Config, Connection, Input, Limits, Outbox, Server};

use crate::common::*;

const PINGS: u32 = 1_000_000;
/// The backlog beyond which pongs are held back.
const MAX: usize = 10_000;
/// A pong with the number of its ping.
const PONG: usize = 2 + 4;

fn connection() -> Connection<Server> {
    let limits = Limits::default().reply_backlog_max(MAX as u32);
    Connection::server(Config::default().limits(limits))
}

fn receive_ping(ws: &mut Connection<Server>, number: u32, out: &mut Outbox) {
    let mut ping = Side::Server.incoming(0x89, &number.to_be_bytes());
    assert!(ws.receive(&mut Input::new(&mut ping), out).unwrap().is_some());
}

fn pong_to(number: u32) -> Vec<u8> {
    Side::Server.outgoing(0x8a, &number.to_be_bytes())
}

/// The output goes to a queue after each call, and the peer reads nothing of that.
#[test]
fn a_million_pings_to_an_output_that_is_moved_elsewhere_are_bounded() {
    let (mut ws, mut out, mut queue) = (connection(), Outbox::new(), Vec::new());
    for number in 0..PINGS {
        receive_ping(&mut ws, number, &mut out);
        queue.extend(out.take());
        out.set_elsewhere(queue.len());
    }
    assert!(queue.len() > MAX && queue.len() <= MAX + PONG, "{} bytes", queue.len());
    out.set_elsewhere(0);
    ws.writer().flush_replies(&mut out);
    assert_eq!(out, pong_to(PINGS - 1), "the newest");
}

/// One outbox serves two connections in turn, each with a queue of its own: only the one that is not written is held back.
#[test]
fn a_million_pings_to_a_shared_output_are_judged_by_the_queue_of_their_connection() {
    let (mut stuck, mut lively) = (connection(), connection());
    let (mut out, mut stuck_queue) = (Outbox::new(), Vec::new());
    for number in 0..PINGS {
        out.set_elsewhere(stuck_queue.len());
        receive_ping(&mut stuck, number, &mut out);
        stuck_queue.extend(out.take());

        out.set_elsewhere(0);
        receive_ping(&mut lively, number, &mut out);
        assert_eq!(out.take(), pong_to(number));
    }
    assert!(stuck_queue.len() > MAX && stuck_queue.len() <= MAX + PONG);
}

/// A transport that takes as much as comes in, but never everything: bytes that were written do not count.
#[test]
fn a_million_pings_to_an_output_with_a_cursor_are_all_answered() {
    let (mut ws, mut out) = (connection(), Outbox::new());
    let mut expected = VecDeque::new();
    let mut written = 0u64;
    for number in 0..PINGS {
        receive_ping(&mut ws, number, &mut out);
        expected.extend(pong_to(number));
        // From 1,000 bytes on, as many bytes go out as came in, in two writes.
        if out.len() > 1000 {
            for n in [1, PONG - 1] {
                assert!(expected.drain(..n).eq(out.front()[..n].iter().copied()));
                out.sent(n);
                written += n as u64;
            }
        }
    }
    assert!(out.len() <= 1000 && written > 5_000_000);
    assert_eq!(out, expected.make_contiguous());
}

/// It takes nothing until much has queued up, and everything then.
#[test]
fn pongs_come_again_once_the_output_has_drained() {
    let (mut ws, mut out) = (connection(), Outbox::new());
    let mut answered = 0;
    for number in 0..PINGS {
        receive_ping(&mut ws, number, &mut out);
        if number % 100_000 == 99_999 {
            assert!(out.backlog() > MAX && out.backlog() <= MAX + PONG);
            answered += out.take().len() / PONG;
            ws.writer().flush_replies(&mut out);
            assert_eq!(out.take(), pong_to(number), "the newest is not forgotten");
        }
    }
    assert_eq!(answered, 10 * (MAX / PONG + 1));
}
