//! The end of a connection in its order: Close frames, flush, shutdown, the end of the stream.

use std::time::Duration;

use hybi::connection::{Abnormal, Closed};
use hybi::keepalive::{KeepaliveConfig, KeepaliveError};
use hybi::{CloseCode, Config, Connection, Inbox, Message, ProtocolError};
use hybi_tokio::{Error, WebSocket};
use tokio::io::DuplexStream;
use tokio::time::Instant;

use crate::common::*;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The calls that wrote and ended something, without those that read.
fn output_calls(peer: &Peer) -> Vec<Call> {
    let is_output = |call: &Call| matches!(call, Call::Write(_) | Call::Flush | Call::Shutdown);
    peer.take_calls().into_iter().filter(is_output).collect()
}

#[test]
fn a_server_answers_the_close_frame_flushes_and_shuts_down() {
    let runtime = paused();
    let _entered = runtime.enter();
    for is_split in [false, true] {
        let (mut ws, peer) = open::<Server>();
        peer.deliver(incoming_close::<Server>(1000, "bye"));
        // One poll suffices for that, even if the program then drops everything.
        if is_split {
            let (mut reader, _writer) = ws.split();
            assert!(poll_once(reader.receive()).is_pending());
        } else {
            assert!(poll_once(ws.receive()).is_pending());
        }
        let reply = outgoing_close::<Server>(1000, "bye");
        assert_eq!(output_calls(&peer), [Call::Write(reply.len()), Call::Flush, Call::Shutdown]);
        assert_eq!(peer.take_written(), reply);
    }
}

/// RFC 6455 §7.1.1: the server should end the stream first.
#[test]
fn a_client_answers_the_close_frame_and_waits_for_the_server_to_end_the_stream() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<KnownClient>();
    peer.deliver(incoming_close::<KnownClient>(1000, "bye"));
    assert!(poll_once(ws.receive()).is_pending());
    let reply = outgoing_close::<KnownClient>(1000, "bye");
    assert_eq!(output_calls(&peer), [Call::Write(reply.len()), Call::Flush]);
    peer.end_input(End::Zero);
    assert_eq!(settle(ws.receive()).unwrap(), None);
    assert_eq!(output_calls(&peer), [Call::Shutdown]);
    assert_eq!(ws.closed(), Some(&clean(1000, "bye")));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_the_stream_is_waited_for_a_second() {
    async fn check<R: Side>() {
        for linger in [None, Some(secs(3)), Some(Duration::ZERO)] {
            let (mut ws, peer) = open::<R>();
            if let Some(linger) = linger {
                ws.set_linger(linger);
            }
            peer.deliver(incoming_close::<R>(1000, "bye"));
            let start = Instant::now();
            assert_eq!(ws.receive().await.unwrap(), None);
            assert_eq!(start.elapsed(), linger.unwrap_or(secs(1)));
            assert_eq!(ws.closed(), Some(&clean(1000, "bye")));
            assert!(peer.is_shut_down());
        }
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// A stream whose shutdown does not come to an end, such as TLS that cannot write, is given up.
#[tokio::test(start_paused = true)]
async fn a_shutdown_that_hangs_is_given_up() {
    async fn check<R: Side>() {
        for has_ended in [false, true] {
            let (mut ws, peer) = open::<R>();
            peer.block_shutdown();
            peer.deliver(incoming_close::<R>(1000, "bye"));
            if has_ended {
                peer.end_input(End::Zero);
            }
            let start = Instant::now();
            assert_eq!(ws.receive().await.unwrap(), None);
            assert_eq!(start.elapsed(), secs(1), "the input has ended: {has_ended}");
            assert_eq!(ws.closed(), Some(&clean(1000, "bye")));
        }
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_hangs_after_a_cut_off_is_given_up() {
    let (mut ws, peer) = open::<Server>();
    peer.block_shutdown();
    peer.end_input(End::Zero);
    let start = Instant::now();
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(start.elapsed(), secs(10), "`close_within`");
    assert!(matches!(ws.closed(), Some(Closed::Abnormal(Abnormal::CutOff(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_the_close_frame_is_waited_for_as_set() {
    async fn check<R: Side>() {
        let (mut ws, _peer) = open::<R>();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        let start = Instant::now();
        assert_eq!(ws.receive().await.unwrap(), None);
        assert_eq!(start.elapsed(), secs(10));
        let late = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close));
        assert_eq!(ws.closed(), Some(&late));
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// Nothing that it sends puts the deadline off.
#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_on_after_our_close_frame_is_waited_for_as_set() {
    async fn check<R: Side>() {
        let (mut ws, peer) = open::<R>();
        let talking = tokio::spawn(async move {
            loop {
                peer.deliver(incoming::<R>(0x82, [0; 1_000]));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        let (start, mut received) = (Instant::now(), 0);
        while ws.receive().await.unwrap().is_some() {
            received += 1;
        }
        assert_eq!(start.elapsed(), secs(10));
        assert!(received >= 100, "messages that come before its Close frame still arrive");
        talking.abort();
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

#[tokio::test(start_paused = true)]
async fn terminate_takes_as_long_as_it_may() {
    let (mut ws, peer) = open::<Server>();
    let start = Instant::now();
    let late = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close));
    assert_eq!(ws.terminate(secs(3)).await, late);
    assert_eq!(start.elapsed(), secs(3));
    assert_eq!(peer.take_written(), outgoing_close::<Server>(1001, ""));
    assert_eq!(ws.terminate(secs(3)).await, late);
    assert_eq!(start.elapsed(), secs(3));
}

/// The peer takes nothing, so our Close frame cannot leave.
#[tokio::test(start_paused = true)]
async fn a_close_frame_that_cannot_leave_is_waited_for_as_set() {
    async fn check<R: Side>() {
        for unread in [0, 100] {
            let (mut ws, peer) = open::<R>();
            peer.stop_taking();
            peer.deliver(incoming::<R>(0x82, vec![0; unread]));
            let start = Instant::now();
            let closing = ws.close(CloseCode::NORMAL, "");
            let closed = tokio::time::timeout(secs(3600), closing).await;
            let error = closed.expect("it hangs").unwrap_err();
            assert!(matches!(error, Error::Closed(_)), "{error:?}");
            assert_eq!(start.elapsed(), secs(10), "{unread} bytes unread");
        }
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// It has sent more than is read ahead, and may wait until we receive.
#[tokio::test(start_paused = true)]
async fn a_close_frame_that_cannot_leave_before_we_receive_is_left_to_that() {
    async fn check<R: Side>() {
        let (mut ws, peer) = open::<R>();
        peer.stop_taking();
        peer.deliver(incoming::<R>(0x82, vec![0; 100_000]));
        let start = Instant::now();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(ws.unsent_bytes(), outgoing_close::<R>(1000, "").len());
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from(vec![0; 100_000])));
        assert_eq!(ws.receive().await.unwrap(), None);
        assert_eq!(start.elapsed(), secs(10));
        let late = Closed::Abnormal(Abnormal::TimedOut(KeepaliveError::Close));
        assert_eq!(ws.closed(), Some(&late));
    }
    check::<Server>().await;
    check::<KnownClient>().await;
}

/// Both sides over a real pipe, neither dropped: they do not wait for each other.
#[tokio::test(start_paused = true)]
async fn two_sides_that_close_do_not_wait_for_each_other() {
    for who in 0..3 {
        let (a, b) = tokio::io::duplex(64);
        let mut server = WebSocket::new(a, Connection::server(Config::default()), Inbox::new());
        let mut client = WebSocket::new(b, Connection::client(Config::default()), Inbox::new());
        let start = Instant::now();
        if who != 0 {
            server.close(CloseCode::NORMAL, "server").await.unwrap();
        }
        if who != 1 {
            client.close(CloseCode::NORMAL, "client").await.unwrap();
        }
        let (server_end, client_end) = tokio::join!(server.receive(), client.receive());
        assert_eq!((server_end.unwrap(), client_end.unwrap()), (None, None));
        assert_eq!(start.elapsed(), Duration::ZERO);
        let from_client = if who == 1 { "server" } else { "client" };
        let from_server = if who == 0 { "client" } else { "server" };
        assert_eq!(server.closed(), Some(&clean(1000, from_client)));
        assert_eq!(client.closed(), Some(&clean(1000, from_server)));
    }
}

#[test]
fn a_violation_is_told_to_the_peer_before_the_stream_is_shut_down() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        peer.deliver(incoming::<R>(0x81, "before"));
        peer.deliver(incoming::<R>(0x83, ""));
        peer.deliver(incoming::<R>(0x81, "after"));
        assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("before")));
        assert!(poll_once(ws.receive()).is_pending());
        let calls = output_calls(&peer);
        assert!(matches!(calls[..], [Call::Write(_), Call::Flush, Call::Shutdown]), "{calls:?}");
        let frames = whole_frames(peer.take_written());
        assert_eq!((frames[0].0, &frames[0].1[..2]), (0x88, &1002_u16.to_be_bytes()[..]));
        peer.end_input(End::Zero);
        for _ in 0..3 {
            let error = settle(ws.receive()).unwrap_err();
            assert!(matches!(error, Error::Protocol(ProtocolError::ReservedOpCode { .. })));
        }
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn a_bad_answer_to_our_close_frame_is_an_abnormal_end_and_no_error() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        settle(ws.close(CloseCode::NORMAL, "")).unwrap();
        peer.deliver(incoming::<R>(0x88, [3]));
        peer.end_input(End::Zero);
        assert_eq!(settle(ws.receive()).unwrap(), None);
        let why = Abnormal::Protocol(ProtocolError::CloseBodyTooShort);
        assert_eq!(ws.closed(), Some(&Closed::Abnormal(why)));
        assert_eq!(peer.take_written(), outgoing_close::<R>(1000, ""));
    }
    check::<Server>();
    check::<KnownClient>();
}

#[test]
fn dropping_a_websocket_drops_the_stream_and_sends_nothing() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (ws, peer) = open::<Server>();
    drop(ws);
    assert!(peer.is_dropped());
    assert_eq!((peer.written_len(), peer.polls()), (0, 0));

    let (ws, peer) = open::<Server>();
    let (reader, writer) = ws.split();
    drop(writer);
    assert!(!peer.is_dropped());
    drop(reader);
    assert!(peer.is_dropped());

    let (ws, peer) = open::<Server>();
    let (reader, mut writer) = ws.split();
    drop(reader);
    assert!(peer.is_dropped());
    let error = settle(writer.send("Hello")).unwrap_err();
    assert!(matches!(error, Error::Closed(Closed::Abnormal(Abnormal::Terminated))), "{error:?}");
    assert_eq!(writer.closed(), Some(Closed::Abnormal(Abnormal::Terminated)));
}

/// A dropped future holds nothing of the stream.
#[test]
fn a_future_that_waits_can_be_dropped_with_its_socket() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    peer.stop_taking();
    {
        let mut sending = Task::new(async move {
            let _ = ws.send("Hello").await;
        });
        assert!(sending.poll().is_pending());
    }
    assert!(peer.is_dropped());
}

#[tokio::test(start_paused = true)]
async fn closing_without_a_deadline_waits_for_the_peer() {
    let (mut ws, peer) = open::<Server>();
    ws.set_keepalive(KeepaliveConfig::default().close_within(None));
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    let waited = tokio::time::timeout(secs(100_000), ws.receive()).await;
    assert!(waited.is_err());
    peer.deliver(incoming_close::<Server>(1000, ""));
    assert_eq!(ws.receive().await.unwrap(), None);
    assert_eq!(ws.closed(), Some(&clean(1000, "")));
}

/// A peer that goes on sending after both Close frames is not read from for ever.
#[test]
fn what_comes_after_both_close_frames_is_read_within_bounds() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        peer.deliver(incoming_close::<R>(1000, "bye"));
        for _ in 0..17 {
            peer.deliver(vec![0; 1 << 20]);
        }
        assert_eq!(settle(ws.receive()).unwrap(), None);
        assert_eq!(ws.closed(), Some(&clean(1000, "bye")));
        assert!(peer.is_shut_down());
        assert!(peer.unread_len() >= 1 << 19);
    }
    check::<Server>();
    check::<KnownClient>();
}

/// The peer reads its input to the end before it closes, so ours must be seen.
#[test]
fn a_sink_that_was_closed_goes_on_receiving() {
    fn check<R: Side>() {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        settle(futures_util::SinkExt::close(&mut ws)).unwrap();
        let code = if R::IS_SERVER { 1001 } else { 1000 };
        assert_eq!(peer.take_written(), outgoing_close::<R>(code, ""));
        assert!(!peer.is_shut_down());
        peer.deliver(incoming::<R>(0x81, "last"));
        peer.deliver(incoming::<R>(0x89, "ping"));
        peer.deliver(incoming_close::<R>(code, ""));
        peer.end_input(End::Zero);
        assert_eq!(settle(ws.receive()).unwrap(), Some(Message::from("last")));
        assert_eq!(settle(ws.receive()).unwrap(), None);
        // RFC 6455 §5.5.2: a ping is answered until the peer's Close frame comes.
        assert_eq!(peer.take_written(), outgoing::<R>(0x8a, "ping"));
        assert!(peer.is_shut_down());
    }
    check::<Server>();
    check::<KnownClient>();
}

/// Two programs that do as `close` says, with more unsent than the pipe and both inboxes take.
#[tokio::test(start_paused = true)]
async fn two_sides_that_close_with_much_unsent_do_not_wait_for_each_other() {
    async fn close_and_receive<R: Side>(mut ws: WebSocket<DuplexStream, R>) -> Closed {
        ws.set_backlog_max(usize::MAX);
        ws.feed(&[0; 100_000][..]).await.unwrap();
        ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert_eq!(ws.receive().await.unwrap(), Some(Message::from(vec![0; 100_000])));
        assert_eq!(ws.receive().await.unwrap(), None);
        ws.closed().unwrap().clone()
    }
    let (a, b) = tokio::io::duplex(1_000);
    let server = WebSocket::new(a, Server::connection(Config::default()), Inbox::new());
    let client = WebSocket::new(b, KnownClient::connection(Config::default()), Inbox::new());
    let start = Instant::now();
    let closed = tokio::join!(close_and_receive(server), close_and_receive(client));
    assert_eq!(closed, (clean(1000, ""), clean(1000, "")));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// Also in the middle of a message. Its rest is dropped, and the next one is not.
#[test]
fn after_a_terminate_that_was_dropped_receiving_goes_on() {
    fn check<R: Side>(is_split: bool) {
        let runtime = paused();
        let _entered = runtime.enter();
        let (mut ws, peer) = open::<R>();
        let message = incoming::<R>(0x82, [7; 40_000]);
        let (first, rest) = message.split_at(20_000);
        peer.deliver(first);
        let finish = || {
            peer.deliver(rest);
            peer.deliver(incoming::<R>(0x81, "next"));
            peer.deliver(incoming_close::<R>(1000, ""));
            peer.end_input(End::Zero);
        };
        if is_split {
            let (mut reader, _writer) = ws.split();
            assert!(poll_once(reader.terminate(secs(5))).is_pending());
            finish();
            assert_eq!(settle(reader.receive()).unwrap(), Some("next".into()));
            assert_eq!(settle(reader.receive()).unwrap(), None);
            assert_eq!(reader.closed(), Some(clean(1000, "")));
        } else {
            assert!(poll_once(ws.terminate(secs(5))).is_pending());
            finish();
            assert_eq!(settle(ws.receive()).unwrap(), Some("next".into()));
            assert_eq!(settle(ws.receive()).unwrap(), None);
            assert_eq!(ws.closed(), Some(&clean(1000, "")));
        }
    }
    for is_split in [false, true] {
        check::<Server>(is_split);
        check::<KnownClient>(is_split);
    }
}

/// Only that message is dropped.
#[test]
fn after_a_terminate_that_was_dropped_a_message_in_chunks_is_not_lost() {
    let runtime = paused();
    let _entered = runtime.enter();
    let (mut ws, peer) = open::<Server>();
    let message = incoming::<Server>(0x82, [7; 40_000]);
    let (first, rest) = message.split_at(20_000);
    peer.deliver(first);
    assert!(poll_once(ws.terminate(secs(5))).is_pending());
    peer.deliver(rest);
    peer.deliver(incoming::<Server>(0x01, "in "));
    assert!(poll_once(ws.receive()).is_pending());
    let chunk = settle(ws.receive_chunk()).unwrap().unwrap();
    assert_eq!(chunk.data.as_bytes(), b"in ");
    let result = settle(ws.receive());
    assert!(matches!(result, Err(Error::Usage(hybi::UsageError::MessageInChunks))), "{result:?}");
    peer.deliver(incoming::<Server>(0x80, "chunks"));
    let chunk = settle(ws.receive_chunk()).unwrap().unwrap();
    assert!(chunk.last && chunk.data.as_bytes() == b"chunks");
}
