//! Sending: one message in one frame, a prepared one, and a message of 1 MiB in fragments with pings between them.

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hybi::connection::{Data, Prepared};
use hybi::{Config, Connection, Outbox, Role};
use hybi_benches::{Content, KEY, SIZES, frame, xor};

fn whole_messages(c: &mut Criterion) {
    for content in Content::ALL {
        role(c, "server", content, None, || Connection::server(Config::default()));
        role(c, "client", content, Some(KEY), || {
            Connection::client_with_keys(Config::default(), || KEY)
        });
    }
}

/// The message as the caller has it: text is known to be text.
fn data(content: Content, payload: &[u8]) -> Data<'_> {
    match content {
        Content::Binary => Data::Binary(payload),
        Content::Ascii | Content::Mixed => Data::Text(str::from_utf8(payload).expect("text")),
    }
}

fn role<R: Role>(
    c: &mut Criterion,
    name: &str,
    content: Content,
    key: Option<[u8; 4]>,
    connect: impl Fn() -> Connection<R>,
) {
    let mut group = c.benchmark_group(format!("encode/{name}/{}", content.name()));
    for len in SIZES {
        let payload = content.payload(len);
        let message = data(content, &payload);
        let wire = frame(true, content.opcode(), key, &payload);
        let header = wire.len() - len;
        let mut out = Outbox::with_capacity(wire.len());
        let mut bare = Vec::with_capacity(wire.len());
        group.throughput(Throughput::Bytes(len as u64));

        let mut ws = connect();
        group.bench_function(BenchmarkId::new("send", len), |b| {
            b.iter(|| {
                out.clear();
                ws.send(black_box(message), &mut out).expect("sent");
                assert_eq!(
                    (out.len(), out.front()[wire.len() - 1]),
                    (wire.len(), wire[wire.len() - 1])
                );
            });
        });
        // The whole of it once, so that a wrong result is no fast one.
        out.clear();
        ws.send(message, &mut out).expect("sent");
        assert!(out == wire);

        group.bench_function(BenchmarkId::new("bare", len), |b| {
            b.iter(|| {
                bare.clear();
                bare.extend_from_slice(&wire[..header]);
                bare.extend_from_slice(black_box(&payload));
                if let Some(key) = key {
                    xor(key, &mut bare[header..]);
                }
                let out = black_box(&bare);
                assert_eq!((out.len(), out[wire.len() - 1]), (wire.len(), wire[wire.len() - 1]));
            });
        });

        if content == Content::Binary {
            let prepared = Prepared::new(&*payload);
            group.bench_function(BenchmarkId::new("send_prepared", len), |b| {
                b.iter(|| {
                    out.clear();
                    ws.send_prepared(black_box(&prepared), &mut out).expect("sent");
                    // A long payload is not copied, and a client's is masked slice by slice.
                    let mut sent = 0;
                    while !out.is_empty() {
                        let n = black_box(out.front()).len();
                        out.sent(n);
                        sent += n;
                    }
                    assert_eq!(sent, wire.len());
                });
            });
        }
    }
    group.finish();
}

fn fragments(c: &mut Criterion) {
    const LEN: usize = 1 << 20;
    const FRAGMENT: u32 = 1 << 10;
    let payload = Content::Binary.payload(LEN);
    let parts = LEN / FRAGMENT as usize;
    let mut group = c.benchmark_group("encode/client/fragments of 1 KiB");
    group.throughput(Throughput::Bytes(LEN as u64));
    let mut out = Outbox::with_capacity(LEN + 20 * parts);
    let mut bare = Vec::with_capacity(LEN + 20 * parts);

    group.bench_function(BenchmarkId::new("send", LEN), |b| {
        let config = Config::default().fragment_bytes(NonZeroU32::new(FRAGMENT));
        let mut ws = Connection::client_with_keys(config, || KEY);
        b.iter(|| {
            out.clear();
            ws.send(black_box(&*payload), &mut out).expect("sent");
            assert_eq!(out.len(), LEN + 8 * parts);
        });
    });
    group.bench_function(BenchmarkId::new("send_part, with pings", LEN), |b| {
        let mut ws = Connection::client_with_keys(Config::default(), || KEY);
        b.iter(|| {
            out.clear();
            for part in black_box(&payload).chunks(FRAGMENT as usize) {
                ws.send_part(part, &mut out).expect("sent");
                ws.ping(b"ping", &mut out).expect("sent");
            }
            ws.send_last_part(b"", &mut out).expect("sent");
            assert_eq!(out.len(), LEN + (8 + 10) * parts + 6);
        });
    });
    group.bench_function(BenchmarkId::new("bare", LEN), |b| {
        b.iter(|| {
            bare.clear();
            for part in black_box(&payload).chunks(FRAGMENT as usize) {
                bare.extend_from_slice(&[0; 8]);
                let start = bare.len();
                bare.extend_from_slice(part);
                xor(KEY, &mut bare[start..]);
            }
            assert_eq!(black_box(&bare).len(), LEN + 8 * parts);
        });
    });
    group.finish();
}

criterion_group!(benches, whole_messages, fragments);
criterion_main!(benches);
