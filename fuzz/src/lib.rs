//! What the fuzz targets do with their input, as plain functions: the modules `replay` of the tests replay the corpus
//! through them, and `tests/core/properties.rs` feeds them what proptest makes up.
//!
//! A body does not only survive its input, it asserts what must hold for any: that the cuts of the stream do not
//! matter, that the output stays within its bound, that every call reads, yields or asks for more, and that two
//! ends of a connection agree on what was said.

#[path = "../../tests/common/mod.rs"]
pub mod common;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod export;
pub mod fields;
pub mod handshake;
pub mod relay;

use std::collections::VecDeque;
use std::num::NonZeroU32;

use common::{Item, Mode, Run, Side, pieces, run_fresh_every_way};
use hybi::connection::ReadyState;
use hybi::frame::{Header, LengthForm, Mask};
use hybi::{CloseCode, Config, Event, Input, Limits, ProtocolError};

/// Any bytes as a header: what is decoded encodes to itself.
pub fn header(data: &[u8]) {
    match Header::decode(data) {
        None => assert!(data.len() < 14),
        Some((header, used)) => {
            assert_eq!(*header.encode(), data[..used]);
            assert_eq!(Header::decode(&header.encode()), Some((header, used)));
            for end in 0..used {
                assert_eq!(Header::decode(&data[..end]), None);
            }
            let shortest =
                Header { length_form: LengthForm::shortest(header.payload_len), ..header };
            assert!(shortest.encode().len() <= used);

            // Masking: XOR, resumable, its own inverse.
            let key = header.masking_key.unwrap_or([1, 2, 3, 4]);
            let payload = &data[used..];
            let naive: Vec<u8> =
                payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
            let mut masked = payload.to_vec();
            let cut = header.payload_len as usize % (payload.len() + 1);
            let mut mask = Mask::new(key);
            mask.apply(&mut masked[..cut]);
            let mut skipped = Mask::new(key);
            skipped.skip(cut);
            assert!(mask == skipped);
            mask.apply(&mut masked[cut..]);
            assert_eq!(masked, naive);
            let (mut appended, mut mask) = (Vec::new(), Mask::new(key));
            mask.append(&payload[..cut], &mut appended);
            mask.append(&payload[cut..], &mut appended);
            assert_eq!(appended, naive);
            Mask::new(key).apply(&mut masked);
            assert_eq!(masked, payload);
        }
    }
}

/// Any bytes as what a client sent.
pub fn server(data: &[u8]) {
    stream(Side::Server, data);
}

/// Any bytes as what a server sent.
pub fn client(data: &[u8]) {
    stream(Side::Client, data);
}

/// The first four bytes say how to cut the rest and what limits to set.
fn stream(side: Side, data: &[u8]) {
    let Some((&[a, b, limits, flags], wire)) = data.split_first_chunk() else { return };
    let (mut config, mut backlog) = (Config::default(), BACKLOG);
    if limits != 0 {
        let n = u64::from(limits);
        backlog = 4 * usize::from(limits);
        config = config.limits(
            Limits::default()
                .frame_bytes_max(n)
                .message_bytes_max(2 * n)
                .fragments_max(u32::from(limits % 16))
                .reply_backlog_max(backlog as u32),
        );
    }
    let cuts = [
        usize::from(a),
        usize::from(b),
        usize::from(a) + usize::from(b),
        usize::from(a) * usize::from(b),
    ];
    let manual = flags % 2 == 1;
    let fresh = || if manual { side.manual_connection(config) } else { side.connection(config) };
    same_for_every_cut_on(&fresh, backlog, wire, &cuts);
}

/// The default of [`Limits::reply_backlog_max`].
pub const BACKLOG: usize = 64 << 10;

/// Checks that fresh connections give the same events, error and output, whether `wire` comes whole,
/// byte by byte or in these pieces; the same messages in chunks; and an output within its bound, which
/// depends on the backlog at which pongs are held back. Returns the run.
pub fn same_for_every_cut_on(
    fresh: &dyn Fn() -> common::Ws,
    backlog: usize,
    wire: &[u8],
    cuts: &[usize],
) -> Run {
    let messages = run_fresh_every_way(fresh, Mode::Messages, wire, cuts);
    let chunks = run_fresh_every_way(fresh, Mode::Chunks, wire, cuts);

    // A reply is as long as the frame that asked for it, and the mask key more from a client; one Close frame may come
    // unasked, with a reason; and pongs do not queue up behind one another.
    const CONTROL: usize = 6 + 125;
    assert!(messages.out.0.len() <= 3 * wire.len() + CONTROL, "the output of {wire:02x?}");
    assert!(messages.out.0.len() <= backlog + 2 * CONTROL, "the backlog of {wire:02x?}");
    assert_eq!((chunks.error, &chunks.out), (messages.error, &messages.out));
    assert_eq!(
        whole_messages(&chunks),
        messages.items,
        "chunks are not the messages of {wire:02x?}"
    );

    // What the input's end says does not depend on the cuts either.
    let ending = |pieces: &[&[u8]]| {
        let mut ws = fresh();
        Run::of(&mut ws, Mode::Messages, pieces.iter().copied());
        let mut out = Vec::new();
        let ending = ws.end_of_input(&mut out);
        assert_eq!(ws.end_of_input(&mut out), ending);
        assert!(out.is_empty(), "a violation that came with the input was written before");
        (ending, ws.ready_state(), ws.transport())
    };
    let whole = ending(&[wire]);
    assert_eq!(ending(&pieces(wire, cuts)), whole);
    let over = messages.error.is_some()
        || messages.items.iter().any(|item| matches!(item, Item::Event(Event::Close(_))));
    assert_eq!(whole.0.is_ok(), over, "the end of {wire:02x?}");
    messages
}

/// The messages that these chunks make, each in the place of its last chunk.
fn whole_messages(run: &Run) -> Vec<Item> {
    let (mut items, mut begun) = (Vec::new(), None);
    for item in &run.items {
        match item {
            Item::Event(_) => items.push(item.clone()),
            Item::Chunks { text, data, first, last } => {
                assert_eq!(*first, begun.is_none());
                let message = begun.get_or_insert_with(Vec::new);
                message.extend(&data.0);
                if *last {
                    let message = begun.take().unwrap_or_default();
                    items.push(Item::Event(if *text {
                        Event::Text(String::from_utf8(message).expect("text").into())
                    } else {
                        Event::Binary(message.into())
                    }));
                }
            }
        }
    }
    items
}

/// Any bytes as commands to a client and a server who talk to each other: what one sends is what the other gets, up to a
/// message of more fragments than the other accepts.
pub fn pair(data: &[u8]) {
    let mut data = data.iter().copied();
    let setting = data.next().unwrap_or_default();
    // Either every ping is answered, or pongs are held back as soon as something else waits to be read.
    let all_answered = setting & 8 == 0;
    let fragment_bytes = NonZeroU32::new(u32::from(setting % 8));
    // The default of `Limits::fragments_max`, or one that is soon exceeded.
    let fragments_max = if setting & 16 == 0 { 1 << 17 } else { 20 };
    let config = Config::default().fragment_bytes(fragment_bytes).limits(
        Limits::default().fragments_max(fragments_max).reply_backlog_max(if all_answered {
            u32::MAX
        } else {
            0
        }),
    );
    let mut ends = [Side::Server, Side::Client].map(|side| End {
        ws: side.connection(config),
        wire: Vec::new(),
        part: None,
        fragments: 0,
        said_too_much: false,
        said: VecDeque::new(),
        said_pings: VecDeque::new(),
        pings: 0,
        heard_close: false,
        failed: false,
        fragment_bytes,
        fragments_max,
        all_answered,
    });
    while let Some(command) = data.next() {
        let (who, what) = (usize::from(command >> 7), command & 0x7f);
        let argument = usize::from(data.next().unwrap_or_default());
        if what % 8 == 7 {
            deliver(&mut ends, who, argument);
        } else {
            ends[who].command(what, argument);
        }
    }
    // All that is still on its way, replies included: who is silent for two rounds has nothing left to say.
    for _ in 0..4 {
        deliver(&mut ends, 0, usize::MAX);
        deliver(&mut ends, 1, usize::MAX);
    }
    for who in 0..2 {
        let (end, peer) = (&ends[who], &ends[1 - who]);
        assert!(end.wire.is_empty());
        assert_eq!(end.said, [], "said and not heard");
        // Whoever says too much fails the other, who says so.
        assert_eq!(end.failed, peer.said_too_much);
        // Every ping is answered until the Close of who sent it.
        if !end.is_over() && !peer.is_over() {
            assert!(end.said_pings.is_empty(), "unanswered: {:?}", end.said_pings);
        }
        // Whoever has heard a Close has answered it.
        assert_eq!(end.is_over(), peer.is_over());
        let state = if end.is_over() { ReadyState::Closed } else { ReadyState::Open };
        assert_eq!(end.ws.ready_state(), state);
    }
}

/// One end of a pair.
struct End {
    ws: common::Ws,
    /// What it has written and the other has not read.
    wire: Vec<u8>,
    /// The message that it is sending in parts.
    part: Option<(bool, Vec<u8>)>,
    /// How many fragments it has sent of the message in progress.
    fragments: usize,
    /// Whether it has sent more fragments of a message than the other accepts (RFC 6455 §10.4). Nothing is heard of that
    /// message and of what it says afterwards.
    said_too_much: bool,
    /// What it has said and the other has not heard: messages, pings, unasked-for pongs excepted, the first Close.
    said: VecDeque<Event<'static>>,
    /// The pings that were not answered yet.
    said_pings: VecDeque<Vec<u8>>,
    /// How many pings were asked of it.
    pings: u32,
    heard_close: bool,
    /// Whether the other has said too much.
    failed: bool,
    fragment_bytes: Option<NonZeroU32>,
    /// How many fragments of a message either end accepts.
    fragments_max: u32,
    /// Whether each ping must be answered, or, of several, the newest (RFC 6455 §5.5.3).
    all_answered: bool,
}

impl End {
    fn is_over(&self) -> bool {
        self.heard_close || self.failed
    }

    /// Notes what the other will hear.
    fn say(&mut self, event: Event<'static>) {
        if !self.said_too_much {
            self.said.push_back(event);
        }
    }

    /// Counts the fragments of a message or a part of one.
    fn count(&mut self, bytes: usize, last: bool) {
        let frames = match self.fragment_bytes {
            Some(max) => bytes.div_ceil(max.get() as usize).max(1),
            None => 1,
        };
        self.fragments += frames;
        self.said_too_much |= self.fragments > self.fragments_max as usize;
        if last {
            self.fragments = 0;
        }
    }

    fn command(&mut self, what: u8, argument: usize) {
        let open = self.ws.ready_state() == ReadyState::Open;
        let before = self.wire.len();
        let text: String = "aß€😀".chars().cycle().take(argument).collect();
        let bytes = vec![argument as u8; argument * 3];
        let is_text = what & 8 == 0;
        let len = if is_text { text.len() } else { bytes.len() };
        let (allowed, result) = match what % 8 {
            0 | 1 => {
                let allowed = open && self.part.is_none();
                if allowed {
                    self.count(len, true);
                    self.say(message(is_text, &text, &bytes));
                }
                let result = if is_text {
                    self.ws.send(&*text, &mut self.wire)
                } else {
                    self.ws.send(&*bytes, &mut self.wire)
                };
                (allowed, result)
            }
            kind @ (2 | 3) => {
                let last = kind == 3;
                let allowed = open && self.part.as_ref().is_none_or(|(text, _)| *text == is_text);
                if allowed {
                    self.count(len, last);
                    let part = self.part.get_or_insert_with(|| (is_text, Vec::new()));
                    part.1.extend(if is_text { text.as_bytes() } else { &bytes });
                    if last && let Some((is_text, whole)) = self.part.take() {
                        self.say(match is_text {
                            true => Event::Text(String::from_utf8(whole).expect("text").into()),
                            false => Event::Binary(whole.into()),
                        });
                    }
                }
                let result = match (is_text, last) {
                    (true, false) => self.ws.send_part(&*text, &mut self.wire),
                    (true, true) => self.ws.send_last_part(&*text, &mut self.wire),
                    (false, false) => self.ws.send_part(&*bytes, &mut self.wire),
                    (false, true) => self.ws.send_last_part(&*bytes, &mut self.wire),
                };
                (allowed, result)
            }
            4 | 5 => {
                // No two pings are alike, so that a pong tells which it answers.
                self.pings += 1;
                let payload = [&self.pings.to_be_bytes()[..], &bytes[..argument]].concat();
                let allowed = open && payload.len() <= 125;
                if allowed {
                    self.say(Event::Ping(payload.clone().into()));
                    self.said_pings.push_back(payload.clone());
                }
                (allowed, self.ws.ping(&payload, &mut self.wire))
            }
            _ if argument & 7 != 0 => return, // a Close now and then
            _ => {
                if open {
                    self.say(common::closed(1000, "bye"));
                    self.part = None;
                }
                (open, self.ws.close(CloseCode::NORMAL, "bye", &mut self.wire))
            }
        };
        assert_eq!(result.is_ok(), allowed, "command {what}, argument {argument}: {result:?}");
        if !allowed {
            assert_eq!(self.wire.len(), before, "a refused command wrote something");
        }
    }
}

fn message(is_text: bool, text: &str, bytes: &[u8]) -> Event<'static> {
    if is_text { Event::Text(text.to_owned().into()) } else { Event::Binary(bytes.to_vec().into()) }
}

/// Hands over to `who` up to `n` bytes that the other has written.
fn deliver(ends: &mut [End; 2], who: usize, n: usize) {
    let [server, client] = ends;
    let (end, peer) = if who == 0 { (server, client) } else { (client, server) };
    let n = n.min(peer.wire.len());
    let mut inbox: Vec<u8> = peer.wire.drain(..n).collect();
    let mut input = Input::new(&mut inbox);
    loop {
        let was_open = end.ws.ready_state() == ReadyState::Open;
        let event = match end.ws.receive(&mut input, &mut end.wire) {
            Ok(None) => break,
            Ok(Some(event)) => event,
            Err(violation) => {
                assert_eq!(violation, ProtocolError::TooManyFragments);
                assert!(peer.said_too_much, "both keep to the other rules");
                end.failed = true;
                if was_open {
                    end.say(common::closed(1009, violation.close_reason()));
                }
                continue;
            }
        };
        match event.into_owned() {
            Event::Pong(payload) => {
                // The answers come in the order of the pings.
                let answered = end.said_pings.iter().position(|ping| **ping == *payload);
                let answered = answered.expect("a pong answers a ping");
                assert!(answered == 0 || !end.all_answered, "a ping was passed over");
                end.said_pings.drain(..=answered);
            }
            Event::Close(reason) => {
                end.heard_close = true;
                end.part = None;
                // What the peer said first, or its answer to ours.
                if peer.said.front().is_some_and(|said| matches!(said, Event::Close(_))) {
                    assert_eq!(peer.said.pop_front(), Some(Event::Close(reason)));
                } else {
                    assert_eq!(Event::Close(reason), common::closed(1000, "bye"));
                }
            }
            event => assert_eq!(Some(event), peer.said.pop_front()),
        }
    }
}
