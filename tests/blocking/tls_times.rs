//! TLS over sockets whose peer pauses. What a test waits for is a message or an event.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hybi::Event;
use hybi::blocking::{Abnormal, Closed, ReadyState};
use hybi::frame::OpCode;

use crate::stream::*;
use crate::tls::{raw_client, serve};

/// More than the sockets hold.
const BIG: usize = 15 << 20;

#[test]
fn a_write_time_out_bounds_send_while_a_peer_pauses() {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (mut ws, serving) = serve(move |mut ws| {
        may_go_on.recv().unwrap(); // reads nothing until the other side has come back
        let message = ws.receive().unwrap().unwrap();
        assert_eq!(ws.receive().unwrap(), text("next"));
        message
    });
    let big: Vec<u8> = (0..BIG).map(|at| (at / 7) as u8).collect();
    ws.set_write_timeout(Duration::from_millis(50)).unwrap();
    ws.send(&*big).unwrap();
    timed_out(ws.flush());
    ws.send("next").unwrap();
    assert!(ws.unsent_bytes() > 0);
    go_on.send(()).unwrap();
    ws.set_write_timeout(None).unwrap();
    ws.flush().unwrap();
    assert_eq!(serving.join().unwrap(), big[..].into());
}

#[test]
fn a_write_time_out_bounds_a_half_while_a_peer_pauses() {
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (ws, serving) = serve(move |mut ws| {
        may_go_on.recv().unwrap();
        ws.receive().unwrap().unwrap()
    });
    let (_reader, writer) = ws.split().unwrap();
    let big: Vec<u8> = (0..BIG).map(|at| (at / 7) as u8).collect();
    writer.set_write_timeout(Duration::from_millis(50)).unwrap();
    writer.send(&*big).unwrap();
    timed_out(writer.flush());
    go_on.send(()).unwrap();
    writer.set_write_timeout(None).unwrap();
    writer.flush().unwrap();
    assert_eq!(serving.join().unwrap(), big[..].into());
}

#[test]
fn a_writer_that_is_stuck_in_tls_does_not_keep_the_reader_from_reading() {
    let (mut client, serving) = serve(|ws| {
        let (mut reader, writer) = ws.split().unwrap();
        let (stuck, is_stuck) = mpsc::channel();
        let writing = thread::spawn(move || {
            stuck.send(()).unwrap();
            writer.send(&*vec![1; BIG]).unwrap();
            writer
        });
        is_stuck.recv().unwrap();
        assert_eq!(reader.receive().unwrap(), text("still there?"));
        let reading = thread::spawn(move || closed(&mut reader));
        writing.join().unwrap().close(hybi::CloseCode::NORMAL, "done").unwrap();
        reading.join().unwrap()
    });
    // Does not read, but sends: pings, which the reader owes an answer, and a message.
    for number in 0..1000u16 {
        client.ping(&number.to_be_bytes()).unwrap();
    }
    client.send("still there?").unwrap();
    let (mut got_message, mut newest) = (false, None);
    while !got_message || newest != Some(999) {
        match client.receive_event().unwrap().unwrap() {
            Event::Binary(data) => {
                assert_eq!(data.len(), BIG);
                got_message = true;
            }
            Event::Pong(number) => newest = Some(u16::from_be_bytes([number[0], number[1]])),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(closed(&mut client).reason(), "done");
    assert!(serving.join().unwrap().was_clean());
}

#[test]
fn terminate_ends_a_writer_and_a_reader_that_are_stuck_in_tls() {
    let (done, is_done) = mpsc::channel::<()>();
    let (client, serving) = serve(move |ws| {
        let _ = is_done.recv(); // reads nothing
        drop(ws);
    });
    let (mut reader, writer) = client.split().unwrap();
    let reading = thread::spawn(move || closed(&mut reader));
    let second = writer.clone();
    let (stuck, is_stuck) = mpsc::channel();
    let writing = thread::spawn(move || {
        stuck.send(()).unwrap();
        second.send(&*vec![0; BIG])
    });
    is_stuck.recv().unwrap();
    writer.terminate(Duration::ZERO);
    assert!(writing.join().unwrap().is_err());
    assert_eq!(reading.join().unwrap(), Closed::Abnormal(Abnormal::Terminated));
    assert_eq!(writer.ready_state(), ReadyState::Closed);
    done.send(()).unwrap();
    serving.join().unwrap();
}

#[test]
fn two_peers_that_both_send_much_over_tls_do_not_stop_each_other() {
    let (ready, is_ready) = mpsc::channel::<()>();
    let big = vec![42; BIG];
    let expected = big.clone();
    let (mut client, serving) = serve(move |mut ws| {
        ws.set_write_timeout(Duration::from_millis(1)).unwrap();
        ws.send(&*expected).unwrap();
        assert!(ws.unsent_bytes() > 0);
        ready.send(()).unwrap();
        assert_eq!(ws.receive().unwrap(), binary(&expected));
        ws.set_write_timeout(None).unwrap();
        ws.flush().unwrap();
    });
    client.set_write_timeout(Duration::from_millis(1)).unwrap();
    client.send(&*big).unwrap();
    assert!(client.unsent_bytes() > 0);
    is_ready.recv().unwrap();
    assert_eq!(client.receive().unwrap(), binary(&big));
    client.set_write_timeout(None).unwrap();
    client.flush().unwrap();
    serving.join().unwrap();
}

#[test]
fn a_read_time_out_within_a_record_loses_nothing() {
    let (halfway, is_halfway) = mpsc::channel::<()>();
    let (late, is_late) = mpsc::channel::<()>();
    let (mut peer, serving) = raw_client(move |mut ws| {
        is_halfway.recv().unwrap();
        ws.set_read_timeout(Duration::from_millis(1)).unwrap();
        timed_out(ws.receive());
        late.send(()).unwrap();
        ws.set_read_timeout(None).unwrap();
        assert_eq!(ws.receive().unwrap(), text("Hello"));
        assert_eq!(closed(&mut ws).code(), 1005);
    });
    let mut records = Vec::new();
    peer.conn.writer().write_all(&masked(OpCode::TEXT, b"Hello")).unwrap();
    peer.conn.write_tls(&mut records).unwrap();
    let (first, rest) = records.split_at(12);
    peer.sock.write_all(first).unwrap();
    halfway.send(()).unwrap();
    is_late.recv().unwrap();
    peer.sock.write_all(rest).unwrap();
    peer.write_all(&masked(OpCode::CLOSE, b"")).unwrap();
    peer.read_to_end(&mut Vec::new()).unwrap();
    drop(peer); // nobody waits for its end
    serving.join().unwrap();
}
