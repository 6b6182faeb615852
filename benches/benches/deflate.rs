//! permessage-deflate: a JSON message compressed and sent, and received and decompressed, beside what the backend alone
//! needs for it with the same settings, buffers that are there already, and no frames.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hybi::extension::Offers;
use hybi::extension::deflate::{self, DeflateConfig};
use hybi::{Client, Config, Connection, Event, Input, Server};
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

fn pair(config: &DeflateConfig) -> (Connection<Server>, Connection<Client<fn() -> [u8; 4]>>) {
    let offer = deflate::offer(config);
    let agreed = deflate::accept(config, Offers::new(offer.as_bytes()).flatten()).expect("agreed");
    let keys: fn() -> [u8; 4] = || KEY;
    (
        Connection::server(Config::default()).with_deflate(&agreed, config),
        Connection::client_with_keys(Config::default(), keys).with_deflate(&agreed, config),
    )
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
        let config = DeflateConfig::default().context_takeover(takeover, takeover);
        let name = if takeover { "takeover" } else { "no takeover" };
        let mut group = c.benchmark_group(format!("deflate/{name}"));
        for len in [1 << 10, 64 << 10] {
            let message = json(len);
            group.throughput(Throughput::Bytes(len as u64));
            let (mut server, _) = pair(&config);
            let mut out = Vec::with_capacity(2 * len);
            group.bench_function(BenchmarkId::new("send", len), |b| {
                b.iter(|| {
                    out.clear();
                    server.send(black_box(&*message), &mut out).expect("sent");
                    assert_eq!(out[0], 0xc1);
                });
            });
            let mut kept = bare_deflate();
            let mut room = vec![0; 2 * len];
            group.bench_function(BenchmarkId::new("bare", len), |b| {
                b.iter(|| {
                    if !takeover {
                        kept = bare_deflate();
                    }
                    assert!(compress(&mut kept, black_box(message.as_bytes()), &mut room) > 4);
                });
            });
        }
        group.finish();

        let mut group = c.benchmark_group(format!("inflate/{name}"));
        for len in [1 << 10, 64 << 10] {
            let message = json(len);
            group.throughput(Throughput::Bytes(len as u64));
            let (mut server, mut client) = pair(&config);
            // With takeover, the second message refers to the first; and so does every repeat of it.
            let mut wires = [Vec::new(), Vec::new()];
            for wire in &mut wires {
                server.send(&*message, wire).expect("sent");
            }
            let mut inbox = wires[0].clone();
            let mut replies = Vec::new();
            let mut receive = |wire: &[u8]| {
                inbox.clear();
                inbox.extend_from_slice(wire);
                let event = client.receive(&mut Input::new(&mut inbox), &mut replies).expect("received");
                let Some(Event::Text(text)) = event else { panic!("text") };
                assert_eq!(text.len(), len);
                black_box(text);
            };
            receive(&wires[0]);
            group.bench_function(BenchmarkId::new("receive", len), |b| b.iter(|| receive(&wires[1])));

            let mut kept = Inflate::new(false, 15);
            let mut room = vec![0; len + 64];
            let payload = |wire: &[u8]| {
                let (_, header) = hybi::frame::Header::decode(wire).expect("a header");
                wire[header..].to_vec()
            };
            let payloads = wires.each_ref().map(|wire| payload(wire));
            let mut receive = |payload: &[u8]| {
                if !takeover {
                    kept = Inflate::new(false, 15);
                }
                assert_eq!(inflate(&mut kept, black_box(payload), &mut room), len);
                assert!(str::from_utf8(black_box(&room[..len])).is_ok());
            };
            receive(&payloads[0]);
            group.bench_function(BenchmarkId::new("bare", len), |b| b.iter(|| receive(&payloads[1])));
        }
        group.finish();
    }
}

criterion_group!(benches, messages);
criterion_main!(benches);
