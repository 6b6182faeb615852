//! permessage-deflate: a JSON message compressed and sent, and received and decompressed, beside what the backend alone
//! needs for it with the same settings, buffers that are there already, and no frames.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hybi::extension::Offers;
use hybi::extension::deflate::{self, DeflateConfig};
use hybi::{Client, Config, Connection, Event, Input, Outbox, Server};
use hybi_benches::KEY;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A list of records, none like the other, of exactly `len` bytes.
fn json(len: usize) -> String {
    let mut json = String::from("[");
    let mut state = 1u32;
    while json.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (id, price) = (state >> 16, state >> 8 & 0xffff);
        json += &format!(
            "{{\"id\":{id},\"name\":\"item {}\",\"price\":{price},\"tags\":[\"a\",\"b\"]}},",
            id % 97
        );
    }
    json.truncate(len);
    json
}

type Keys = fn() -> [u8; 4];

fn pair(config: &DeflateConfig) -> (Connection<Server>, Connection<Client<Keys>>) {
    let offer = deflate::offer(config);
    let agreed = deflate::respond(config, Offers::new(offer.as_bytes()).flatten()).expect("agreed");
    let keys: Keys = || KEY;
    (
        Connection::server(Config::default()).with_deflate(&agreed, config),
        Connection::client_with_keys(Config::default(), keys).with_deflate(&agreed, config),
    )
}

/// Messages of `len` bytes that differ, more than a window of them.
fn messages_of(len: usize) -> Vec<String> {
    json(len * (2 + (32 << 10) / len))
        .as_bytes()
        .chunks_exact(len)
        .map(|message| str::from_utf8(message).expect("ASCII").to_owned())
        .collect()
}

fn bare_deflate() -> Deflate {
    Deflate::new(6, false, 15)
}

fn compress(stream: &mut Deflate, message: &[u8], out: &mut [u8]) -> usize {
    let before = stream.total_out();
    stream.compress(message, out, DeflateFlush::SyncFlush).expect("compressed");
    (stream.total_out() - before) as usize
}

fn inflate(stream: &mut Inflate, payload: &[u8], out: &mut [u8]) -> usize {
    let before = stream.total_out();
    stream.decompress(payload, out, InflateFlush::NoFlush).expect("decompressed");
    let written = (stream.total_out() - before) as usize;
    stream.decompress(&TAIL, &mut out[written..], InflateFlush::NoFlush).expect("decompressed");
    written
}

fn messages(c: &mut Criterion) {
    for takeover in [true, false] {
        let config = DeflateConfig::default()
            .outgoing_context_takeover(takeover)
            .incoming_context_takeover(takeover);
        let name = if takeover { "takeover" } else { "no takeover" };
        let mut group = c.benchmark_group(format!("deflate/{name}"));
        for len in [64, 1 << 10, 16 << 10, 64 << 10] {
            let messages = messages_of(len);
            let mut next = messages.iter().cycle();
            group.throughput(Throughput::Bytes(len as u64));
            let (mut server, _) = pair(&config);
            let mut out = Outbox::with_capacity(2 * len);
            group.bench_function(BenchmarkId::new("send", len), |b| {
                b.iter(|| {
                    out.clear();
                    server
                        .send(black_box(&**next.next().expect("endless")), &mut out)
                        .expect("sent");
                    assert_eq!(out.front()[0], 0xc1);
                });
            });
            let mut next = messages.iter().cycle();
            let mut kept = bare_deflate();
            let mut room = vec![0; 2 * len];
            group.bench_function(BenchmarkId::new("bare", len), |b| {
                b.iter(|| {
                    if !takeover {
                        kept = bare_deflate();
                    }
                    let message = black_box(next.next().expect("endless"));
                    assert!(compress(&mut kept, message.as_bytes(), &mut room) > 4);
                });
            });
        }
        group.finish();

        let mut group = c.benchmark_group(format!("inflate/{name}"));
        for len in [64, 1 << 10, 16 << 10, 64 << 10] {
            group.throughput(Throughput::Bytes(len as u64));
            let (mut server, mut client) = pair(&config);
            // With takeover, messages refer to those before: so the round that is repeated is the second, whose window at
            // the start is that at its end.
            let messages = messages_of(len);
            let mut round = || -> Vec<Vec<u8>> {
                let wire = |message: &String| {
                    let mut wire = Outbox::new();
                    server.send(message, &mut wire).expect("sent");
                    wire.take()
                };
                messages.iter().map(wire).collect()
            };
            let (first, wires) = (round(), round());
            let mut inbox = Vec::with_capacity(2 * len);
            let mut replies = Outbox::new();
            let mut receive = |wire: &[u8]| {
                inbox.clear();
                inbox.extend_from_slice(wire);
                let event =
                    client.receive(&mut Input::new(&mut inbox), &mut replies).expect("received");
                let Some(Event::Text(text)) = event else { panic!("text") };
                assert_eq!(text.len(), len);
                black_box(text);
            };
            first.iter().for_each(|wire| receive(wire));
            let mut next = wires.iter().cycle();
            group.bench_function(BenchmarkId::new("receive", len), |b| {
                b.iter(|| receive(next.next().expect("endless")));
            });

            let mut kept = Inflate::new(false, 15);
            let mut room = vec![0; len + 64];
            let payload = |wire: &Vec<u8>| {
                let (_, header) = hybi::frame::Header::decode(wire).expect("a header");
                wire[header..].to_vec()
            };
            let payloads: Vec<Vec<u8>> = wires.iter().map(payload).collect();
            let mut receive = |payload: &[u8]| {
                if !takeover {
                    kept = Inflate::new(false, 15);
                }
                assert_eq!(inflate(&mut kept, black_box(payload), &mut room), len);
                assert!(str::from_utf8(black_box(&room[..len])).is_ok());
            };
            first.iter().for_each(|wire| receive(&payload(wire)));
            let mut next = payloads.iter().cycle();
            group.bench_function(BenchmarkId::new("bare", len), |b| {
                b.iter(|| receive(next.next().expect("endless")));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
