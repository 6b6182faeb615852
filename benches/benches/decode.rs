//! Receiving: one message in one frame, and a message of 1 MiB in fragments with pings between them.
//!
//! Unmasking is in place, so every iteration copies the wire into the inbox first, as a read would; all rows of a
//! group do, the bare ones too.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hybi::frame::OpCode;
use hybi::{Config, Connection, Event, Input, Outbox, Role};
use hybi_benches::{Content, KEY, SIZES, frame, xor};

fn whole_messages(c: &mut Criterion) {
    for content in Content::ALL {
        role(c, "server", content, Some(KEY), || Connection::server(Config::default()));
        role(c, "client", content, None, || {
            Connection::client_with_keys(Config::default(), || KEY)
        });
    }
}

fn role<R: Role>(
    c: &mut Criterion,
    name: &str,
    content: Content,
    key: Option<[u8; 4]>,
    connect: impl Fn() -> Connection<R>,
) {
    let mut group = c.benchmark_group(format!("decode/{name}/{}", content.name()));
    for len in SIZES {
        let payload = content.payload(len);
        let wire = frame(true, content.opcode(), key, &payload);
        let mut inbox = wire.clone();
        let header = wire.len() - len;
        group.throughput(Throughput::Bytes(len as u64));

        let (mut ws, mut out) = (connect(), Outbox::new());
        group.bench_function(BenchmarkId::new("receive", len), |b| {
            b.iter(|| {
                inbox.copy_from_slice(black_box(&wire));
                let mut input = Input::new(&mut inbox);
                let event = ws.receive(&mut input, &mut out);
                let (got, is_text) = match &event {
                    Ok(Some(Event::Text(text))) => (text.as_bytes(), true),
                    Ok(Some(Event::Binary(data))) => (&**data, false),
                    other => panic!("{other:?}"),
                };
                assert_eq!((got.len(), is_text), (len, content != Content::Binary));
                assert_eq!((got[0], got[len - 1]), (payload[0], payload[len - 1]));
                assert!(input.is_empty());
            });
        });
        // And the whole of it once: between first and last byte nothing is checked above.
        let mut check = wire.clone();
        match ws.receive(&mut Input::new(&mut check), &mut out) {
            Ok(Some(Event::Text(text))) => assert!(text.as_bytes() == payload),
            Ok(Some(Event::Binary(data))) => assert!(*data == payload),
            other => panic!("{other:?}"),
        }

        group.bench_function(BenchmarkId::new("bare", len), |b| {
            b.iter(|| {
                inbox.copy_from_slice(black_box(&wire));
                let payload_bytes = &mut inbox[header..];
                if let Some(key) = key {
                    xor(key, payload_bytes);
                }
                if content != Content::Binary {
                    assert!(str::from_utf8(payload_bytes).is_ok());
                }
                let got = black_box(&*payload_bytes);
                assert_eq!((got[0], got[len - 1]), (payload[0], payload[len - 1]));
            });
        });
    }
    group.finish();
}

fn fragments(c: &mut Criterion) {
    const LEN: usize = 1 << 20;
    const FRAGMENT: usize = 1 << 10;
    let payload = Content::Mixed.payload(LEN);
    let mut wire = Vec::new();
    let mut frames = Vec::new();
    for (at, fragment) in payload.chunks(FRAGMENT).enumerate() {
        let opcode = if at == 0 { OpCode::TEXT } else { OpCode::CONTINUATION };
        wire.extend(frame((at + 1) * FRAGMENT == LEN, opcode, Some(KEY), fragment));
        frames.push(wire.len() - fragment.len()..wire.len());
        if (at + 1) * FRAGMENT < LEN {
            wire.extend(frame(true, OpCode::PING, Some(KEY), b"ping"));
        }
    }
    let pings = frames.len() - 1;
    let mut inbox = wire.clone();
    let mut group = c.benchmark_group("decode/server/fragments of 1 KiB with pings");
    group.throughput(Throughput::Bytes(LEN as u64));

    group.bench_function(BenchmarkId::new("receive", LEN), |b| {
        let (mut ws, mut out) = (Connection::server(Config::default()), Outbox::new());
        b.iter(|| {
            inbox.copy_from_slice(black_box(&wire));
            let mut input = Input::new(&mut inbox);
            let (mut pinged, mut got) = (0, 0);
            while let Ok(Some(event)) = ws.receive(&mut input, &mut out) {
                match event {
                    Event::Ping(_) => pinged += 1,
                    Event::Text(text) => got = text.len(),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((pinged, got, out.len()), (pings, LEN, pings * 6));
            out.clear();
        });
    });
    group.bench_function(BenchmarkId::new("bare", LEN), |b| {
        b.iter(|| {
            inbox.copy_from_slice(black_box(&wire));
            let mut message = Vec::new();
            for frame in &frames {
                let fragment = &mut inbox[frame.clone()];
                xor(KEY, fragment);
                message.extend_from_slice(fragment);
            }
            let text = str::from_utf8(&message).expect("text");
            assert_eq!(black_box(text).len(), LEN);
        });
    });
    group.finish();
}

criterion_group!(benches, whole_messages, fragments);
criterion_main!(benches);
