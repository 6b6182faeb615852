//! For every cut of every conformance case, the imported connection receives and sends what the
//! original does.

use std::cell::RefCell;
use std::rc::Rc;

use hybi::Client;
use hybi::connection::Transport as What;
use hybi_conform::memory::{Endpoint, Implementation, Transport, run};
use hybi_conform::{Case, Group, Outcome, Pieces, Role as End, Size, Verdict};

use super::*;

/// A case as a stream of bytes.
struct Stream {
    id: String,
    agreed: Option<Agreed>,
    wire: Vec<u8>,
}

/// An endpoint that goes on in another process now and then, and writes down what it was fed.
struct Handed<R> {
    peer: Peer<R>,
    /// After how many bytes it goes on elsewhere. Zero: never.
    after: usize,
    wire: Rc<RefCell<Vec<u8>>>,
}

impl<R: Remade> Endpoint for Handed<R> {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        self.wire.borrow_mut().extend_from_slice(bytes);
        if self.after == 0 {
            self.peer.feed(bytes);
        } else {
            for piece in bytes.chunks(self.after) {
                self.peer.feed(piece);
                let _ = self.peer.hand_over(); // not now: after the message
            }
        }
        out.extend(self.peer.out.take());
    }

    fn transport(&self) -> Transport {
        match self.peer.ws.transport() {
            What::Keep => Transport::Open,
            What::AwaitClose => Transport::Awaits,
            What::Close => Transport::Closed,
        }
    }
}

#[derive(Default)]
struct Handing {
    mode: Option<Mode>,
    after: usize,
    wire: Rc<RefCell<Vec<u8>>>,
    agreed: RefCell<Option<Agreed>>,
}

impl Handing {
    fn endpoint<R: Remade + 'static>(&self, agreed: Option<Agreed>) -> Box<dyn Endpoint> {
        self.agreed.replace(agreed);
        let peer = Peer::<R>::new(agreed, self.mode.unwrap_or(Mode::Copied));
        Box::new(Handed { peer, after: self.after, wire: self.wire.clone() })
    }

    fn of(&self, end: End, agreed: Option<Agreed>) -> Box<dyn Endpoint> {
        match end {
            End::Server => self.endpoint::<Server>(agreed),
            End::Client => self.endpoint::<Client<Keys>>(agreed),
        }
    }
}

impl Implementation for Handing {
    fn open(&self, end: End) -> Box<dyn Endpoint> {
        self.of(end, None)
    }

    #[cfg(feature = "deflate")]
    fn open_server(&self, offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        use hybi::extension::{Offers, deflate};
        let offers = Offers::new(offer.as_bytes()).flatten();
        let agreed = deflate::respond(&deflate_config(), offers)?;
        Some((self.of(End::Server, Some(agreed)), agreed.to_string()))
    }

    #[cfg(feature = "deflate")]
    fn open_client(&self, answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        use hybi::extension::{Offers, deflate};
        let answer = answer(&deflate::offer(&deflate_config()));
        let element = Offers::new(answer.as_bytes()).next()?.ok()?;
        let agreed = deflate::conclude(&deflate_config(), &element).ok()?;
        Some(self.of(End::Client, Some(agreed)))
    }
}

/// The cases that this build can run.
fn cases() -> impl Iterator<Item = Case> {
    let is_run = |case: &Case| cfg!(feature = "deflate") || case.category() < Some(12);
    hybi_conform::cases(Group::Autobahn, Size::Reduced).filter(is_run)
}

/// The strict reading, as in `tests/conformance`.
fn is_right(outcome: &Outcome) -> bool {
    outcome.strict == Verdict::Ok && outcome.verdict() <= Verdict::Informational
}

/// Moves to another process after every byte of a short case, and after every few hundred of a long
/// one. The tester has a decoder and a decompressor of its own.
#[track_caller]
fn after_every_byte(end: End) {
    let mut failures = Vec::new();
    for case in cases() {
        // A compressed message never stays in the inbox.
        let is_compressed = case.category() >= Some(12);
        for mode in MODES.into_iter().filter(|mode| !is_compressed || *mode != Mode::InPlace) {
            let mut handing = Handing { mode: Some(mode), ..Handing::default() };
            run(&handing, end, &case, Pieces::Whole);
            let len = handing.wire.take().len();
            handing.after = 1 + len / 500 * 7;
            let outcome = run(&handing, end, &case, Pieces::Whole);
            if !is_right(&outcome) {
                failures.push(format!("{} as {end:?}, {mode:?}: {outcome}", case.id()));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn servers_that_move_after_every_byte_pass_every_case() {
    after_every_byte(End::Server);
}

#[test]
fn clients_that_move_after_every_byte_pass_every_case() {
    after_every_byte(End::Client);
}

/// The streams of all cases against this end.
fn streams(end: End) -> Vec<Stream> {
    let stream = |case: Case| {
        let handing = Handing::default();
        assert!(is_right(&run(&handing, end, &case, Pieces::Whole)), "{}", case.id());
        let agreed = handing.agreed.take();
        Stream { id: case.id().to_owned(), agreed, wire: handing.wire.take() }
    };
    cases().map(stream).collect()
}

/// Cuts a stream once. Returns the peer afterwards, with all that it has seen and sent, and whether
/// it moved to another process at the cut.
fn cut_at<R: Remade>(stream: &Stream, mode: Mode, at: usize, moves: bool) -> (Peer<R>, bool) {
    let (front, back) = stream.wire.split_at(at);
    let mut peer = Peer::<R>::new(stream.agreed, mode);
    peer.feed(front);
    let has_moved = moves && peer.hand_over().is_ok();
    peer.feed(back);
    (peer, has_moved)
}

/// Returns the compressed messages of a stream: each from the end of its first header, so long as
/// it has not ended.
fn compressed_ranges(wire: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut at, mut begun) = (Vec::new(), 0, None);
    while let Some((header, len)) = hybi::frame::Header::decode(&wire[at..]) {
        let (payload, end) = (at + len, at + len + header.payload_len as usize);
        if !header.opcode.is_control() {
            if header.reserved == hybi::frame::Reserved::RSV1 {
                begun = Some(payload);
            }
            if let Some(begin) = begun.take_if(|_| header.fin) {
                ranges.push(begin..end);
            }
        }
        at = end;
        if at > wire.len() {
            break;
        }
    }
    ranges.extend(begun.map(|begin| begin..usize::MAX));
    ranges
}

/// Returns the cuts of a stream to try: all of a short one; of a long one those in its first
/// header, its end, and some that a seed chooses. Three quarters of the streams without compression
/// are short.
fn cuts(stream: &Stream) -> Vec<usize> {
    let len = stream.wire.len();
    if len <= 400 {
        return (0..=len).collect();
    }
    let mut random = len as u64 | 1;
    let mut chosen = vec![1, 8, 14, len];
    for _ in 0..if len > 20_000 { 2 } else { 8 } {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        chosen.push((random % len as u64) as usize);
    }
    chosen
}

#[track_caller]
fn at_every_cut<R: Remade, P: Remade>(end: End) {
    let (mut moved, mut not_now) = (0, 0);
    for stream in streams(end) {
        let compressed = compressed_ranges(&stream.wire);
        let is_compressed = stream.agreed.is_some();
        for mode in MODES.into_iter().filter(|mode| !is_compressed || *mode != Mode::InPlace) {
            for at in cuts(&stream) {
                let (mut original, _) = cut_at::<R>(&stream, mode, at, false);
                let (mut import, has_moved) = cut_at::<R>(&stream, mode, at, true);
                let Stream { id, agreed, wire } = &stream;
                let place = || format!("{id}, {end:?}, {mode:?}, cut at {at} of {}", wire.len());
                assert_eq!(import.seen, original.seen, "{}", place());
                assert_eq!(import.ws.ready_state(), original.ws.ready_state(), "{}", place());
                assert_eq!(import.ws.transport(), original.ws.transport(), "{}", place());
                assert_eq!(import.inbox.unread(), original.inbox.unread(), "{}", place());
                let (import_out, original_out) = (import.out.take(), original.out.take());
                if agreed.is_none() {
                    assert!(import_out == original_out, "the output of {}", place());
                } else {
                    assert_eq!(
                        inflated::<P>(*agreed, &import_out),
                        inflated::<P>(*agreed, &original_out),
                        "{}",
                        place()
                    );
                }
                let is_too_early = is_compressed && compressed.iter().any(|it| it.contains(&at));
                assert_eq!(!has_moved, is_too_early, "{}", place());
                *(if has_moved { &mut moved } else { &mut not_now }) += 1;
                let ends = import.ws.end_of_input(&mut import.out);
                assert_eq!(ends, original.ws.end_of_input(&mut original.out), "{}", place());
            }
        }
    }
    println!("{end:?}: {moved} times elsewhere, {not_now} times not now");
    assert!(moved > 10_000, "{moved}");
    assert_eq!(not_now > 1_000, cfg!(feature = "deflate"), "{not_now}");
}

/// The messages that the other end sees.
fn inflated<P: Remade>(agreed: Option<Agreed>, wire: &[u8]) -> Vec<Seen> {
    let mut other = Peer::<P>::new(agreed, Mode::Copied);
    other.feed(wire);
    other.seen
}

#[test]
fn a_server_goes_on_after_every_cut_as_if_nothing_had_happened() {
    at_every_cut::<Server, Client<Keys>>(End::Server);
}

#[test]
fn a_client_goes_on_after_every_cut_as_if_nothing_had_happened() {
    at_every_cut::<Client<Keys>, Server>(End::Client);
}
