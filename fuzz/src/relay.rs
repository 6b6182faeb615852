//! A relay between two ends: it changes nothing but masks, and says what a connection would say.

use hybi::frame::{Header, Mask};
use hybi::relay::{Masks, Passing, Relay, RelayConfig, RelayError, Side as From, Verdict};
use hybi::{CloseCode, Config, EndOfInputError, Event, Input, Limits, ProtocolError};

use super::common::{self, Item, Mode, Run, Side, pieces};

/// The relay's masking key, which differs from that of the frames that it gets.
const RELAY_KEY: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

/// Passes any bytes on. The first four say how to split the rest, which limits to set, and which
/// side sends it under which settings.
pub fn relay(data: &[u8]) {
    let Some((&[a, b, limits, flags], wire)) = data.split_first_chunk() else { return };
    let mut config = RelayConfig::default().check_text(flags & 1 != 0);
    let mut limits_of_both = Limits::default();
    if limits != 0 {
        let n = u64::from(limits);
        limits_of_both = limits_of_both
            .frame_bytes_max(n)
            .message_bytes_max(2 * n)
            .fragments_max(u32::from(limits % 16));
    }
    config = config.limits(limits_of_both);
    if flags & 2 != 0 {
        config = config.masks(Masks::Kept);
    }
    let side = if flags & 4 == 0 { Side::Server } else { Side::Client };
    let (a, b) = (usize::from(a), usize::from(b));
    changes_nothing(side, config, limits_of_both, wire, &[a, b, a + b, a * b]);
}

/// All that came of passing a stream of bytes on.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// The bytes written to the receiver.
    pub ahead: Vec<u8>,
    /// The bytes written to the sender.
    pub back: Vec<u8>,
    /// The error, and how many bytes had been read when it came.
    pub error: Option<RelayError>,
    pub failed_at: usize,
    /// Each frame that the observer saw: the first byte of its header, and its payload.
    pub seen: Vec<(u8, Vec<u8>)>,
}

/// The end from which `side` receives.
pub fn sender(side: Side) -> From {
    match side {
        Side::Server => From::Client,
        Side::Client => From::Server,
    }
}

/// Passes pieces on from the end that `side` receives from. The observer looks at all payloads.
pub fn pass<'a>(
    side: Side,
    config: RelayConfig,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Passed, Result<(), hybi::CutOff>) {
    pass_observed(side, config, pieces, note)
}

fn pass_observed<'a>(
    side: Side,
    config: RelayConfig,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    observe: impl Fn(Passing<'_, '_>, &mut Vec<(u8, Vec<u8>)>),
) -> (Passed, Result<(), hybi::CutOff>) {
    let from = sender(side);
    let mut relay = Relay::with_keys(config, || RELAY_KEY);
    let (mut seen, mut error, mut fed) = (Vec::new(), None, 0);
    let mut failed_at = 0;
    for piece in pieces {
        fed += piece.len();
        let mut inbox = piece.to_vec();
        let mut input = Input::new(&mut inbox);
        let passed = relay.pass(from, &mut input, |passing| {
            observe(passing, &mut seen);
            Verdict::Pass
        });
        assert!(input.is_empty(), "a relay reads all of its input");
        if let Err(violation) = passed {
            assert_eq!(error.replace(violation), None, "a second violation");
            failed_at = fed;
        }
    }
    let ended = relay.end_of_input(from);
    let (ahead, back) = (relay.outbox(from.other()).take(), relay.outbox(from).take());
    (Passed { ahead, back, error, failed_at, seen }, ended)
}

fn note(passing: Passing<'_, '_>, seen: &mut Vec<(u8, Vec<u8>)>) {
    match passing {
        Passing::Data(piece) => {
            if piece.begins_frame() {
                let [first, ..] = *piece.header().encode() else { return };
                seen.push((first, Vec::new()));
            }
            let len = piece.len();
            let payload = piece.payload();
            assert_eq!(payload.len(), len);
            if let Some((_, all)) = seen.last_mut() {
                all.extend(payload);
            }
        }
        Passing::Control(event) => seen.push(match event {
            Event::Ping(payload) => (0x89, payload.to_vec()),
            Event::Pong(payload) => (0x8a, payload.to_vec()),
            Event::Close(None) => (0x88, Vec::new()),
            Event::Close(Some(close)) => {
                (0x88, common::close_body(close.code.number(), &close.reason))
            }
            _ => panic!("no control frame"),
        }),
        _ => panic!("an unknown kind"),
    }
}

/// The frames in these bytes: first byte, length and unmasked payload as far as it goes.
fn frames(mut wire: &[u8]) -> Vec<(u8, u64, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((header, len)) = Header::decode(wire) {
        let first = wire[0];
        wire = &wire[len..];
        let n = usize::try_from(header.payload_len).unwrap_or(usize::MAX).min(wire.len());
        let mut payload = wire[..n].to_vec();
        Mask::new(header.masking_key.unwrap_or_default()).apply(&mut payload);
        frames.push((first, header.payload_len, payload));
        wire = &wire[n..];
    }
    frames
}

/// Checks that the relay passes on what a connection on that side would receive, and nothing else,
/// whatever the cuts; that it names the same violation at the same byte; and that a connection
/// behind it sees what one would see without it.
pub fn changes_nothing(
    side: Side,
    config: RelayConfig,
    limits: Limits,
    wire: &[u8],
    cuts: &[usize],
) {
    let fresh = || side.connection(Config::default().limits(limits));
    let checks_text = config == config.check_text(true);
    let keeps_masks = config == config.masks(Masks::Kept);

    // Whole, byte by byte, in pieces: the same.
    let (whole, ended) = pass(side, config, [wire]);
    let (bytewise, ended_bytewise) = pass(side, config, wire.chunks(1));
    let (cut, ended_cut) = pass(side, config, pieces(wire, cuts));
    assert_eq!((ended_bytewise, ended_cut), (ended, ended));
    for other in [&bytewise, &cut] {
        let same = |a: &Passed, b: &Passed| {
            (&a.ahead, &a.back, a.error, &a.seen) == (&b.ahead, &b.back, b.error, &b.seen)
        };
        assert!(same(other, &whole), "{side:?}, cut at {cuts:?}: {other:?} instead of {whole:?}");
    }

    // Payloads that nobody looks at stay masked on their way: the same.
    let (unseen, ended_unseen) = pass_observed(side, config, pieces(wire, cuts), |_, _| ());
    assert_eq!((&unseen.ahead, &unseen.back), (&whole.ahead, &whole.back));
    assert_eq!((unseen.error, ended_unseen), (whole.error, ended));

    // The verdict is that of a connection, at the same byte.
    let (mut direct, mut run, mut direct_failed_at) = (fresh(), Run::default(), 0);
    for (at, byte) in wire.chunks(1).enumerate() {
        let before = run.error;
        run.feed(&mut direct, Mode::Chunks, byte);
        if run.error != before {
            direct_failed_at = at + 1;
        }
    }
    let is_unseen = run.error == Some(ProtocolError::TextNotUtf8) && !checks_text;
    if !is_unseen {
        assert_eq!(whole.error, run.error.map(RelayError::Protocol));
        assert_eq!(bytewise.failed_at, direct_failed_at);
        let direct_ended = match direct.end_of_input(&mut Vec::new()) {
            Ok(()) => Ok(()),
            Err(EndOfInputError::CutOff(cut_off)) => Err(cut_off),
            Err(error) => panic!("{error} was reported before"),
        };
        assert_eq!(ended, direct_ended);
    }

    // The output is the input, perhaps followed by a Close frame.
    let close = whole.error.map(|error| {
        let body = common::close_body(error.close_code().number(), error.close_reason());
        (0x88, body.len() as u64, body)
    });
    assert_eq!(frames(&whole.back), close.clone().into_iter().collect::<Vec<_>>());
    let (mut out, went_in) = (frames(&whole.ahead), frames(wire));
    let is_cut = out.last().is_some_and(|(_, len, payload)| (payload.len() as u64) < *len);
    if let Some(close) = close
        && !is_cut
    {
        assert_eq!(out.pop(), Some(close), "the receiver is told of the violation");
    }
    for ((first, len, payload), (first_in, len_in, payload_in)) in out.iter().zip(&went_in) {
        assert_eq!((first, len), (first_in, len_in));
        assert!(payload_in.starts_with(payload));
    }
    assert!(out.len() <= went_in.len());
    let seen: Vec<_> = out.iter().map(|(first, _, payload)| (*first, payload.clone())).collect();
    assert_eq!(whole.seen, seen, "what the observer saw is what passed");
    if keeps_masks && whole.error.is_none() {
        assert!(wire.starts_with(&whole.ahead));
    }
    if !keeps_masks && side == Side::Server {
        let mut rest = &whole.ahead[..];
        while let Some((header, len)) = Header::decode(rest) {
            assert_eq!(header.masking_key, Some(RELAY_KEY));
            let n = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
            rest = rest.get(len.saturating_add(n)..).unwrap_or_default();
        }
    }

    // A connection behind the relay sees what one without a relay sees.
    let direct = Run::of(&mut fresh(), Mode::Chunks, [wire]);
    let mut behind = Run::of(&mut fresh(), Mode::Chunks, [&whole.ahead[..]]);
    if let Some(error) = whole.error
        && !is_unseen
    {
        assert_eq!(behind.error, None);
        if !is_cut {
            let code = CloseCode::new(error.close_code().number()).expect("a code that is sent");
            let Some(Item::Event(Event::Close(Some(close)))) = behind.items.pop() else {
                panic!("no Close frame behind the relay: {behind:?}");
            };
            assert_eq!((close.code, &*close.reason), (code, error.close_reason()));
        }
    } else {
        assert_eq!(behind.error, direct.error);
    }
    assert_eq!(behind.items, direct.items);
}
