//! A connection with much to do leaves time for others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinHandle, yield_now};

use crate::common::*;

/// Starts a task that counts its turns until it is aborted.
fn count_turns() -> (JoinHandle<()>, Arc<AtomicUsize>) {
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&turns);
    let task = tokio::spawn(async move {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
        }
    });
    (task, turns)
}

/// What has been read may be thousands of messages, and a stream in memory is always ready.
#[tokio::test]
async fn other_tasks_get_their_turn_between_messages() {
    for is_delivered_at_once in [true, false] {
        let (mut ws, peer) = open::<Server>();
        let (other, turns) = count_turns();
        if !is_delivered_at_once {
            peer.set_read_max(incoming::<Server>(0x82, "").len());
        }
        peer.deliver(incoming::<Server>(0x82, "").repeat(10_000));
        let (mut in_a_row, mut most, mut seen) = (0, 0, 0);
        for _ in 0..10_000 {
            assert!(ws.receive().await.unwrap().is_some());
            let now = turns.load(Ordering::Relaxed);
            in_a_row = if now == seen { in_a_row + 1 } else { 0 };
            most = most.max(in_a_row);
            seen = now;
        }
        other.abort();
        assert!(most <= 128, "{most} messages in a row");
    }
}

/// Control frames are not returned, and cost a turn all the same. No runtime counts here, as under
/// `tokio::task::unconstrained` and executors of other crates.
#[test]
fn other_tasks_get_their_turn_between_control_frames() {
    fn check<R: Side>(first: u8, in_chunks: bool, frames_in_a_read: usize) {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        let frame = incoming::<R>(first, "");
        peer.set_read_max(frames_in_a_read.saturating_mul(frame.len()));
        peer.deliver(frame.repeat(10_000));
        peer.deliver(incoming::<R>(0x82, ""));
        let mut receive = Task::new(async {
            match in_chunks {
                true => ws.receive_chunk().await.unwrap().is_some(),
                false => ws.receive().await.unwrap().is_some(),
            }
        });
        let mut turns = 0;
        while receive.poll().is_pending() {
            assert!(receive.woken() > 0);
            turns += 1;
        }
        assert!(turns >= 10_000 / 256, "{turns} turns, {frames_in_a_read} frames in a read");
        drop(receive);
        // The replies do not wait until the program comes back.
        let frames = whole_frames(peer.take_written());
        assert_eq!(frames.is_empty(), first != 0x89);
    }
    for first in [0x89, 0x8a] {
        for in_chunks in [false, true] {
            for frames_in_a_read in [1, 255, 257, usize::MAX] {
                check::<Server>(first, in_chunks, frames_in_a_read);
                check::<KnownClient>(first, in_chunks, frames_in_a_read);
            }
        }
    }
}

/// Neither do the parts of a message, and they may be empty.
#[test]
fn other_tasks_get_their_turn_between_parts_of_a_message() {
    fn check<R: Side>(payload: &str) {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        let part = incoming::<R>(0x00, payload);
        peer.set_read_max(part.len());
        peer.deliver(incoming::<R>(0x02, ""));
        peer.deliver(part.repeat(10_000));
        peer.deliver(incoming::<R>(0x80, ""));
        let mut receive = Task::new(ws.receive());
        let mut turns = 0;
        let message = loop {
            match receive.poll() {
                std::task::Poll::Ready(message) => break message.unwrap().unwrap(),
                std::task::Poll::Pending => turns += receive.woken().min(1),
            }
        };
        assert_eq!(message.as_bytes().len(), 10_000 * payload.len());
        assert!(turns >= 10_000 / 256, "{turns} turns");
    }
    for payload in ["", "part"] {
        check::<Server>(payload);
        check::<KnownClient>(payload);
    }
}

/// In a runtime the turns are those of other tasks.
#[tokio::test]
async fn other_tasks_run_while_pings_are_answered() {
    for is_delivered_at_once in [true, false] {
        let (mut ws, peer) = open::<Server>();
        let (other, turns) = count_turns();
        let ping = incoming::<Server>(0x89, "");
        if !is_delivered_at_once {
            peer.set_read_max(ping.len());
        }
        peer.deliver(ping.repeat(10_000));
        peer.deliver(incoming::<Server>(0x82, ""));
        assert!(ws.receive().await.unwrap().is_some());
        let turns = turns.load(Ordering::Relaxed);
        assert!(turns >= 10_000 / 256, "{turns} turns");
        other.abort();
    }
}

/// A program that only sends, over a stream that is always ready.
#[tokio::test]
async fn a_program_that_is_always_woken_gets_messages_from_both_sides() {
    let (ws, peer) = open::<Server>();
    peer.deliver(incoming::<Server>(0x82, "").repeat(1_000));
    let (mut reader, mut writer) = ws.split();
    let (mut sent, mut received) = (0, 0);
    while sent + received < 2_000 {
        tokio::select! {
            message = reader.receive(), if received < 1_000 => {
                assert!(message.unwrap().is_some());
                received += 1;
            }
            result = writer.send("Hello"), if sent < 1_000 => {
                result.unwrap();
                sent += 1;
            }
        }
    }
    assert_eq!(whole_frames(peer.take_written()).len(), 1_000);
}
