//! The paths that are counted. Each prepares what twice [`MESSAGES`] need, and then handles as many as it is asked to: so
//! that the difference between two runs is nothing but handling them.

use std::hint::black_box;

use bytes::Bytes;
use hybi::connection::{Data, Prepared};
use hybi::extension::Offers;
use hybi::extension::deflate::{self, Agreed, DeflateConfig};
use hybi::handshake::{Acceptance, Answer, ClientRequest, HeadLimits, Request, RequestParts};
use hybi::{
    Client, ClientHandshake, CloseCode, Config, Connection, Event, Inbox, Input, MaskingKeys,
    Message, Outbox, Role, Server, ServerHandshake, Uri,
};

/// A multiple of the 64 masking keys that a thread draws at once, so that each run pays for as many draws.
pub const MESSAGES: usize = 128;

/// How many messages one read brings, where not otherwise named.
const PER_READ: usize = 16;

/// A name, and what handles that many messages, up to twice [`MESSAGES`].
pub type Path = (&'static str, fn(usize));

/// The paths that this program counts.
pub const PATHS: &[Path] = if cfg!(feature = "two-places") { IN_TWO_PLACES } else { IN_ONE_PLACE };

/// Called in two places, the short path must not become a call, and must not become slower.
/// Handshakes from parts are here, so that the one over bytes is the only caller of the rules there.
const IN_TWO_PLACES: &[Path] = &[
    ("receive as server, binary 16 B, called in two places", |n| receive_at_server(binary(16), n)),
    ("opening handshake, server, from parts", open_server_from_parts),
    ("opening handshake, server, from http types", open_server_from_http),
];

const IN_ONE_PLACE: &[Path] = &[
    ("receive as server, binary 16 B", |n| receive_at_server(binary(16), n)),
    ("receive as server, binary 125 B", |n| receive_at_server(binary(125), n)),
    ("receive as server, binary 1 KiB", |n| receive_at_server(binary(1024), n)),
    ("receive as server, ASCII text 64 B", |n| receive_at_server(ascii(64), n)),
    ("receive as server, ASCII text 1 KiB", |n| receive_at_server(ascii(1024), n)),
    ("receive as server, mixed-script text 1 KiB", |n| receive_at_server(mixed_script(1024), n)),
    ("receive as client, binary 64 B", |n| {
        let (payload, mut peer) = (binary(64), server());
        receive(
            client(),
            reads(PER_READ, |read| peer.send(payload, read).expect("open")),
            n / PER_READ,
            n,
        );
    }),
    ("a read for each message, binary 16 B", |n| {
        let (payload, mut peer) = (binary(16), client());
        receive(server(), reads(1, |read| peer.send(payload, read).expect("open")), n, n);
    }),
    ("two reads for each message, binary 1 KiB", |n| {
        receive(server(), halves(binary(1024)), 2 * n, n)
    }),
    ("a read into an inbox for each message, binary 16 B", |n| {
        let (payload, mut peer) = (binary(16), client());
        let reads = reads(1, |read| peer.send(payload, read).expect("open"));
        receive_into_inbox(server(), &reads[..n], n);
    }),
    ("two reads for each message, in place, binary 1 KiB", |n| {
        receive_in_place(binary(1024), 2, n)
    }),
    ("four reads for each message, in place, binary 16 KiB", |n| {
        receive_in_place(binary(16 << 10), 4, n)
    }),
    ("two reads into an inbox for each message, ASCII text 1 KiB", |n| {
        receive_into_inbox(server(), &halves(ascii(1024))[..2 * n], n)
    }),
    ("two reads into an inbox for each message, mixed-script text 1 KiB", |n| {
        receive_into_inbox(server(), &halves(mixed_script(1024))[..2 * n], n)
    }),
    ("two reads for each message, text 1 KiB", |n| {
        receive(server(), halves(mixed_script(1024)), 2 * n, n)
    }),
    ("two reads, receive_chunk, binary 1 KiB", |n| {
        receive_chunks(server(), halves(binary(1024)), n)
    }),
    ("8 fragments of 128 B with pings between", |n| {
        let (fragment, mut peer) = (binary(128), client());
        let message = |read: &mut Outbox| {
            for _ in 0..7 {
                peer.send_part(fragment, read).expect("open");
                peer.ping(b"ping", read).expect("open");
            }
            peer.send_last_part(fragment, read).expect("open");
        };
        receive(server(), reads(1, message), n, 8 * n);
    }),
    ("a ping and its pong, 4 B", |n| {
        let mut peer = client();
        receive(
            server(),
            reads(PER_READ, |read| peer.ping(b"ping", read).expect("open")),
            n / PER_READ,
            n,
        );
    }),
    ("send as server, binary 16 B", |n| send(server(), binary(16), n)),
    ("send as server, binary 1 KiB", |n| send(server(), binary(1024), n)),
    ("send as server, text 64 B", |n| send(server(), ascii(64), n)),
    ("send as server, prepared 64 B", |n| {
        let (mut ws, message, mut out) = (server(), Prepared::new(binary(64)), room());
        for _ in 0..n {
            ws.send_prepared(black_box(&message), &mut out).expect("open");
            flush(&mut out);
        }
    }),
    ("send as client, binary 16 B", |n| send(Connection::client(Config::default()), binary(16), n)),
    ("send as client, binary 1 KiB", |n| {
        send(Connection::client(Config::default()), binary(1024), n)
    }),
    ("send_owned as server, binary 16 KiB", |n| send_owned(server(), n)),
    ("send_owned as client, binary 16 KiB", |n| send_owned(client(), n)),
    ("closing handshake, both ends", close),
    ("opening handshake, server", open_server),
    ("opening handshake, client", open_client),
    ("deflate and send, JSON 1 KiB", |n| {
        let ((mut ws, _), messages, mut out) = (compressing(), json(), room());
        for message in messages.iter().take(n) {
            ws.send(black_box(message), &mut out).expect("open");
            flush(&mut out);
        }
    }),
    ("receive and inflate, JSON 1 KiB", |n| {
        let (mut messages, (mut peer, ws)) = (json().into_iter(), compressing());
        let next = |read: &mut Outbox| {
            peer.send(&messages.next().expect("enough of them"), read).expect("open");
        };
        receive(ws, reads(1, next), n, n);
    }),
];

fn receive_at_server(payload: Data<'static>, messages: usize) {
    let mut peer = client();
    let reads = reads(PER_READ, |read| peer.send(payload, read).expect("open"));
    receive(server(), reads, messages / PER_READ, messages);
}

/// Receives that many reads, of so many events altogether.
fn receive<R: Role>(mut ws: Connection<R>, mut reads: Vec<Vec<u8>>, taken: usize, events: usize) {
    let (mut out, mut seen) = (room(), 0);
    for read in reads.iter_mut().take(taken) {
        seen += receive_read(&mut ws, Input::new(read), &mut out);
        flush(&mut out);
    }
    assert_eq!(seen, events);
}

/// Handles a read, as a program does. Returns how many events were in it. The only caller of
/// `receive` for its role, as in most programs, unless there shall be two.
#[inline(never)]
fn receive_read<R: Role>(ws: &mut Connection<R>, mut input: Input<'_>, out: &mut Outbox) -> usize {
    let mut events = 0;
    #[cfg(feature = "two-places")]
    if black_box(false) {
        while let Some(event) = ws.receive(&mut input, out).expect("legal") {
            black_box(event);
        }
    }
    while let Some(event) = ws.receive(&mut input, out).expect("legal") {
        match event {
            Event::Text(text) => _ = black_box(text.as_bytes()),
            Event::Binary(data) => _ = black_box(&*data),
            _ => {}
        }
        events += 1;
    }
    events
}

/// Receives messages of two reads each in chunks, of which there is one for each read.
#[inline(never)]
fn receive_chunks(mut ws: Connection<Server>, mut reads: Vec<Vec<u8>>, messages: usize) {
    let (mut out, mut seen) = (room(), 0);
    for read in reads.iter_mut().take(2 * messages) {
        let mut input = Input::new(black_box(read));
        while let Some(event) = ws.receive_chunk(&mut input, &mut out).expect("legal") {
            black_box(&event);
            seen += 1;
        }
    }
    assert_eq!(seen, 2 * messages);
}

/// Receives messages that are assembled in the buffer that they are read to, in so many reads.
#[inline(never)]
fn receive_in_place(payload: Data<'static>, reads_each: usize, messages: usize) {
    let (mut peer, mut ws, mut out, mut seen) = (client(), server(), room(), 0);
    let mut reads = reads(1, |read| peer.send(payload, read).expect("open"));
    let len = reads[0].len();
    let ends: Vec<usize> = (1..=reads_each).map(|part| len * part / reads_each).collect();
    for read in reads.iter_mut().take(messages) {
        for &end in &ends {
            let input = Input::new(&mut read[..end]).in_place_up_to(len);
            seen += receive_read(&mut ws, input, &mut out);
        }
    }
    assert_eq!(seen, messages);
}

/// Receives reads, of so many messages altogether, through an inbox, as a driver does.
#[inline(never)]
fn receive_into_inbox(mut ws: Connection<Server>, reads: &[Vec<u8>], messages: usize) {
    let (mut inbox, mut out, mut seen) = (Inbox::new(), room(), 0);
    for read in reads {
        inbox.room()[..read.len()].copy_from_slice(read);
        inbox.filled(read.len());
        seen += receive_read(&mut ws, inbox.input(), &mut out);
        flush(&mut out);
    }
    assert_eq!(seen, messages);
}

#[inline(never)]
fn send<R: Role>(mut ws: Connection<R>, payload: Data<'static>, messages: usize) {
    let mut out = room();
    for _ in 0..messages {
        ws.send(black_box(payload), &mut out).expect("open");
        flush(&mut out);
    }
}

/// Sends messages of 16 KiB that the outbox may keep, and takes them out as they are lent.
#[inline(never)]
fn send_owned<R: Role>(mut ws: Connection<R>, messages: usize) {
    let (mut out, payload) = (room(), Bytes::from_static(binary(16 << 10).as_bytes()));
    for _ in 0..messages {
        ws.send_owned(Message::Binary(black_box(&payload).clone()), &mut out).expect("open");
        while !out.is_empty() {
            let n = black_box(out.front()).len();
            out.sent(n);
        }
    }
}

/// The client closes, the server answers, the client receives the answer.
#[inline(never)]
fn close(connections: usize) {
    let mut out = room();
    let mut pairs: Vec<_> = (0..2 * MESSAGES).map(|_| (client(), server())).collect();
    // A pair with the same masking keys writes the same bytes: they are the input of the pairs that are counted.
    let (mut client, mut server) = (client(), server());
    client.close(CloseCode::NORMAL, "that was all", &mut out).expect("open");
    let question = out.front().to_vec();
    out.clear();
    receive_read(&mut server, Input::new(&mut question.clone()), &mut out);
    let mut inputs = vec![(question, out.front().to_vec()); pairs.len()];
    out.clear();
    for ((client, server), (question, answer)) in
        pairs.iter_mut().zip(&mut inputs).take(connections)
    {
        client.close(CloseCode::NORMAL, "that was all", &mut out).expect("open");
        flush(&mut out);
        let asked = receive_read(server, Input::new(question), &mut out);
        flush(&mut out);
        let answered = receive_read(client, Input::new(answer), &mut out);
        assert_eq!((asked, answered), (1, 1));
        black_box((client.transport(), server.transport()));
    }
}

/// What a browser asks for, with 14 headers and the key of RFC 6455 §1.3.
const REQUEST: &[u8] = b"GET /feed?channel=7 HTTP/1.1\r\n\
    Host: feed.example.com:8080\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: http://feed.example.com:8080\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=light\r\n\
    Sec-Fetch-Mode: websocket\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\
    \r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
    Server: example\r\n\
    \r\n";

#[inline(never)]
fn open_server(connections: usize) {
    let (mut requests, mut out) = (vec![REQUEST.to_vec(); 2 * MESSAGES], room());
    for read in requests.iter_mut().take(connections) {
        let mut input = Input::new(black_box(read));
        let mut handshake = ServerHandshake::new(HeadLimits::default());
        let request =
            handshake.receive(&mut input, &mut out).expect("well-formed").expect("complete");
        black_box(
            handshake
                .accept(&request, &Acceptance::from_same_origin(), &mut out)
                .expect("acceptable"),
        );
        flush(&mut out);
    }
}

/// The fields of the request, as an HTTP stack hands them over: names in lower case.
fn parsed() -> (Vec<String>, Vec<(String, Vec<u8>)>) {
    let text = String::from_utf8(REQUEST.to_vec()).expect("ASCII");
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let start = lines.next().unwrap_or_default().split(' ').map(str::to_owned).collect();
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_ascii_lowercase(), value.as_bytes().to_vec())
    });
    (start, fields.collect())
}

/// To compare with [`open_server`], which reads a head and writes another: this is without both,
/// but for handing out the fields of the response. Names and values are checked here, as the reader
/// of heads checks them there. The list is the caller's, and made once.
#[inline(never)]
fn open_server_from_parts(connections: usize) {
    let (start, fields) = parsed();
    let fields: Vec<(&[u8], &[u8])> =
        fields.iter().map(|(name, value)| (name.as_bytes(), &value[..])).collect();
    for _ in 0..connections {
        let parts = RequestParts::new(&start[0], &start[1]).fields(black_box(&fields));
        let request = Request::from_parts(&parts).expect("well-formed");
        let acceptance = Acceptance::from_same_origin();
        let accepted = acceptance.check(&request).expect("acceptable");
        for field in accepted.fields() {
            black_box(field);
        }
        black_box(accepted.into_connection());
    }
}

/// As [`open_server_from_parts`], but the types have checked names and values. A list of the fields
/// is made of them, and a map of those of the response; both are allocated.
#[inline(never)]
fn open_server_from_http(connections: usize) {
    let (start, fields) = parsed();
    let mut request = http::Request::builder().method(&*start[0]).uri(&*start[1]);
    for (name, value) in &fields {
        request = request.header(name, &value[..]);
    }
    let request = request.body(()).expect("the types hold it");
    for _ in 0..connections {
        let request = Request::from_http(black_box(&request), None).expect("well-formed");
        let acceptance = Acceptance::from_same_origin();
        let accepted = acceptance.check(&request).expect("acceptable");
        black_box(accepted.into_http().expect("the types hold it"));
    }
}

#[inline(never)]
fn open_client(connections: usize) {
    let (mut responses, mut out) = (vec![RESPONSE.to_vec(); 2 * MESSAGES], room());
    let uri = Uri::parse("ws://feed.example.com:8080/feed?channel=7").expect("valid");
    let nonce = *b"the sample nonce"; // the key of RFC 6455 §1.3
    for read in responses.iter_mut().take(connections) {
        let request = ClientRequest::new(black_box(&uri));
        let mut handshake =
            ClientHandshake::with_keys(&request, nonce, Keys(1), &mut out).expect("valid");
        flush(&mut out);
        match handshake.receive(&mut Input::new(black_box(read))) {
            Ok(Some(Answer::Open(ws, _))) => drop(black_box(ws)),
            _ => panic!("the connection is not open"),
        }
    }
}

fn server() -> Connection<Server> {
    Connection::server(Config::default())
}

fn client() -> Connection<Client<Keys>> {
    Connection::client_with_keys(Config::default(), Keys(1))
}

/// Masking keys that differ, the same in every run.
struct Keys(u32);

impl MaskingKeys for Keys {
    fn next_key(&mut self) -> [u8; 4] {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.to_be_bytes()
    }
}

/// A server that compresses, and a client.
fn compressing() -> (Connection<Server>, Connection<Client<Keys>>) {
    let config = DeflateConfig::default();
    let offer = deflate::offer(&config);
    let agreed: Agreed =
        deflate::respond(&config, Offers::new(offer.as_bytes()).flatten()).expect("agreed");
    (server().with_deflate(&agreed, &config), client().with_deflate(&agreed, &config))
}

/// Twice [`MESSAGES`], as they are read, so many by each read.
fn reads(per_read: usize, mut send: impl FnMut(&mut Outbox)) -> Vec<Vec<u8>> {
    let read = |_| {
        let mut read = Outbox::new();
        (0..per_read).for_each(|_| send(&mut read));
        read.take()
    };
    (0..2 * MESSAGES / per_read).map(read).collect()
}

/// A client's messages, each cut into two reads.
fn halves(payload: Data<'static>) -> Vec<Vec<u8>> {
    let mut peer = client();
    let messages = reads(1, |read| peer.send(payload, read).expect("open"));
    messages
        .iter()
        .flat_map(|message| message.chunks(message.len().div_ceil(2)))
        .map(<[u8]>::to_vec)
        .collect()
}

/// Enough for everything that is written between two flushes, so that it never grows.
fn room() -> Outbox {
    let mut out = Outbox::new();
    out.append(&[0; 4096]);
    out.clear();
    out
}

fn flush(out: &mut Outbox) {
    black_box(&mut *out);
    out.clear();
}

fn binary(bytes: usize) -> Data<'static> {
    let mut keys = Keys(bytes as u32);
    let payload: Vec<u8> =
        std::iter::repeat_with(|| keys.next_key()).flatten().take(bytes).collect();
    Data::Binary(payload.leak())
}

fn ascii(bytes: usize) -> Data<'static> {
    let words = "Waltz, bad nymph, for quick jigs vex; 0123456789 times. ";
    Data::Text(words.chars().cycle().take(bytes).collect::<String>().leak())
}

/// Letters of one to four bytes, filled up with dots.
fn mixed_script(bytes: usize) -> Data<'static> {
    let words = "Straße, naïve façade; Καλημέρα κόσμε; Привет, мир; שלום; नमस्ते; 你好，世界; こんにちは; 👋🌍 and so on. ";
    let mut text = String::new();
    for letter in words.chars().cycle() {
        if text.len() + letter.len_utf8() > bytes {
            break;
        }
        text.push(letter);
    }
    text += &".".repeat(bytes - text.len());
    Data::Text(text.leak())
}

/// Messages of exactly 1 KiB with much in common, no two the same.
fn json() -> Vec<String> {
    let mut keys = Keys(42);
    let message = |number| {
        let mut text = format!("{{\"channel\":\"orders\",\"number\":{number},\"orders\":[");
        while text.len() < 940 {
            let [id, price, amount, side] = keys.next_key().map(u32::from);
            let side = if side < 128 { "buy" } else { "sell" };
            text += &format!(
                "{{\"id\":{id},\"price\":{price}.25,\"amount\":{amount},\"side\":\"{side}\"}},"
            );
        }
        text += "null]}";
        text += &" ".repeat(1024 - text.len());
        text
    };
    (0..2 * MESSAGES).map(message).collect()
}
