//! The bodies for permessage-deflate (RFC 7692): negotiation, and a connection on which it was negotiated.

use std::num::NonZeroU32;

use hybi::connection::Data;
use hybi::extension::deflate::{self, Agreed, Compression, DeflateConfig, NegotiationError};
use hybi::extension::{Offer, Offers};
use hybi::{Config, Event};

use super::common::{self, Side, Ws};
use super::{BACKLOG, same_for_every_cut_on};

/// A configuration, and those of its settings that are negotiated.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    pub config: DeflateConfig,
    outgoing_bits: u8,
    incoming_bits: u8,
    outgoing_takeover: bool,
    incoming_takeover: bool,
}

impl Wishes {
    pub fn new(outgoing_bits: u8, incoming_bits: u8, takeover: (bool, bool)) -> Self {
        let (outgoing_takeover, incoming_takeover) = takeover;
        let config = DeflateConfig::default()
            .outgoing_window_bits(outgoing_bits)
            .incoming_window_bits(incoming_bits)
            .outgoing_context_takeover(outgoing_takeover)
            .incoming_context_takeover(incoming_takeover);
        Self { config, outgoing_bits, incoming_bits, outgoing_takeover, incoming_takeover }
    }

    /// Changes other settings.
    #[must_use]
    pub fn with(self, change: impl FnOnce(DeflateConfig) -> DeflateConfig) -> Self {
        Self { config: change(self.config), ..self }
    }
}

/// The wishes of the two ends, and what they agree upon.
#[derive(Clone, Copy, Debug)]
pub struct Negotiated {
    pub client: Wishes,
    pub server: Wishes,
    pub agreed: Agreed,
}

impl Negotiated {
    /// Negotiates, and checks what must hold for any two configurations.
    pub fn new(client: Wishes, server: Wishes) -> Self {
        let offered = deflate::offer(&client.config);
        let offers = Offers::new(offered.as_bytes()).map(|offer| offer.expect("well-formed"));
        // Nothing stands against a well-formed offer.
        let agreed = deflate::respond(&server.config, offers).expect("agreement");
        assert_kept_by_server(&server, &agreed);
        // Our offer says that our window can be limited.
        assert!(agreed.client_max_window_bits() <= server.incoming_bits);
        assert_eq!(deflate::conclude(&client.config, &only_offer(&agreed.to_string())), Ok(agreed));
        assert!(agreed.server_max_window_bits() <= client.incoming_bits);
        assert!(client.incoming_takeover || agreed.server_no_context_takeover());
        Self { client, server, agreed }
    }

    pub fn connection(&self, side: Side, config: Config) -> Ws {
        let deflate = match side {
            Side::Client => &self.client.config,
            Side::Server => &self.server.config,
        };
        side.connection(config).with_deflate(&self.agreed, deflate)
    }
}

/// The server's response as the client reads it.
fn only_offer(response: &str) -> Offer<'_> {
    let mut offers = Offers::new(response.as_bytes());
    let offer = offers.next().expect("one").expect("well-formed");
    assert!(offers.next().is_none());
    offer
}

fn assert_kept_by_server(wishes: &Wishes, agreed: &Agreed) {
    assert!(agreed.server_max_window_bits() <= wishes.outgoing_bits);
    // A client that did not offer to be limited is not: 15.
    assert!(
        matches!(agreed.client_max_window_bits(), bits if bits <= wishes.incoming_bits || bits == 15)
    );
    assert!(agreed.server_max_window_bits() >= 8 && agreed.client_max_window_bits() >= 8);
    assert!(wishes.outgoing_takeover || agreed.server_no_context_takeover());
    assert!(wishes.incoming_takeover || agreed.client_no_context_takeover());
}

/// Wishes out of two bytes.
fn wishes(a: u8, b: u8) -> Wishes {
    let takeover = (a & 64 == 0, a & 128 == 0);
    Wishes::new(8 + a % 8, 8 + a / 8 % 8, takeover).with(|config| {
        config.level(b % 10).memory_level(1 + b / 10 % 9).compress_from(usize::from(b / 90) * 8)
    })
}

/// Two configurations, and any bytes as `Sec-WebSocket-Extensions`, once as an offer and once as a response.
pub fn negotiate(data: &[u8]) {
    let Some((&[a, b, c, d], value)) = data.split_first_chunk() else { return };
    let negotiated = Negotiated::new(wishes(a, b), wishes(c, d));

    let mut offers = Vec::new();
    for offer in Offers::new(value) {
        let Ok(offer) = offer else { break };
        // Written down plainly, it reads as the same.
        let mut plain = offer.name().to_owned();
        for (name, value) in offer.params() {
            plain += &format!("; {name}");
            if let Some(value) = &value {
                assert!(!value.is_empty());
                plain += &format!("=\"{value}\"");
            }
        }
        let again = only_offer(&plain);
        assert_eq!(again.name(), offer.name());
        assert!(again.params().eq(offer.params()));
        judge(&negotiated.client, &offer);
        offers.push(offer);
    }
    if let Some(agreed) = deflate::respond(&negotiated.server.config, offers.iter().copied()) {
        assert_kept_by_server(&negotiated.server, &agreed);
        assert!(offers.iter().any(|offer| offer.name() == deflate::NAME));
        // A client without wishes understands the answer.
        let anything = DeflateConfig::default();
        assert_eq!(deflate::conclude(&anything, &only_offer(&agreed.to_string())), Ok(agreed));
    }
}

/// A client judges a response: with the fallbacks that there are by default, without any, and
/// without letting the server limit it.
fn judge(client: &Wishes, response: &Offer<'_>) {
    let lenient = deflate::conclude(&client.config, response);
    let strict = deflate::conclude(&client.config.fallbacks(&[]), response);
    let bare = client.config.offer_client_max_window_bits(false);
    let bare = deflate::conclude(&bare, response);
    for agreed in [lenient, strict, bare].into_iter().flatten() {
        let again = deflate::conclude(&client.config, &only_offer(&agreed.to_string()));
        assert_eq!(again, Ok(agreed));
    }
    match strict {
        Ok(agreed) => {
            assert_eq!(lenient, Ok(agreed));
            assert!(agreed.server_max_window_bits() <= client.incoming_bits);
            assert!(client.incoming_takeover || agreed.server_no_context_takeover());
        }
        // With a fallback, nothing of what the client asks for is a condition.
        Err(NegotiationError::ServerWindow | NegotiationError::ServerTakeover) => {
            assert!(lenient.is_ok())
        }
        Err(error) => assert_eq!(lenient, Err(error)),
    }
    let limit = response.params().any(|(name, _)| name == "client_max_window_bits");
    match bare {
        Err(NegotiationError::ClientWindow) => assert!(limit && lenient.is_ok()),
        other => assert!(other == lenient && (other.is_err() || !limit)),
    }
}

/// The last border of code points up to `at`.
fn code_point_border(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// A message as one end sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Text or binary.
    pub data: Result<String, Vec<u8>>,
    /// Where it is cut into parts, modulo its length; whole without any.
    pub parts: Vec<usize>,
    /// Whether there is a ping behind each part.
    pub pings: bool,
    pub compression: Compression,
}

impl Sent {
    /// Sends it and notes what the other end must get.
    fn send(&self, ws: &mut Ws, out: &mut Vec<u8>, expected: &mut Vec<Event<'static>>) {
        ws.set_compression(self.compression);
        let bytes = self.data.as_ref().map_or_else(|data| &**data, |text| text.as_bytes());
        let part = |from: usize, to: usize| match &self.data {
            Ok(text) => {
                Data::Text(&text[code_point_border(text, from)..code_point_border(text, to)])
            }
            Err(data) => Data::Binary(&data[from..to]),
        };
        if self.parts.is_empty() {
            ws.send(part(0, bytes.len()), out).expect("sent");
        } else {
            let mut cuts: Vec<usize> =
                self.parts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts {
                ws.send_part(part(from, cut), out).expect("sent");
                from = cut;
                if self.pings {
                    ws.ping(b"between", out).expect("sent");
                    expected.push(common::ping(b"between"));
                }
            }
            ws.send_last_part(part(from, bytes.len()), out).expect("sent");
        }
        expected.push(match &self.data {
            Ok(text) => common::text(text),
            Err(data) => common::binary(data),
        });
    }
}

/// What is sent arrives, in both directions, whole and in chunks and however the stream is cut.
pub fn round_trip(negotiated: &Negotiated, fragment: u32, messages: &[Sent], cuts: &[usize]) {
    for side in common::BOTH {
        round_trip_to(side, negotiated, fragment, messages, cuts);
    }
}

/// What the other end sends arrives at this side.
fn round_trip_to(
    side: Side,
    negotiated: &Negotiated,
    fragment: u32,
    messages: &[Sent],
    cuts: &[usize],
) {
    let config = Config::default().fragment_bytes(NonZeroU32::new(fragment));
    let mut sender = negotiated.connection(side.peer(), config);
    let (mut wire, mut expected) = (Vec::new(), Vec::new());
    for message in messages {
        message.send(&mut sender, &mut wire, &mut expected);
    }
    let fresh = || negotiated.connection(side, config);
    let run = same_for_every_cut_on(&fresh, BACKLOG, &wire, cuts);
    assert_eq!(run.error, None);
    assert!(run.events() == expected, "{side:?}: other than what was sent");
}

/// The most that the messages of [`inflate`] hold before compression: more than the smallest window, and quickly compared.
const SENT_BYTES_MAX: usize = 2 << 10;
/// And how many of them there are.
const SENT_MAX: usize = 6;

/// A connection with permessage-deflate. Six bytes say what was negotiated, how to cut, what limits to set, which side it is, and
/// what the rest is: the stream that the other end sends, the compressed data of its messages, or what they hold before
/// compression.
pub fn inflate(data: &[u8]) {
    let Some((&[a, b, cut, fragment, limits, kind], rest)) = data.split_first_chunk() else {
        return;
    };
    // Up to twice what comes out at a time.
    let expansion = NonZeroU32::new(u32::from(limits.saturating_sub(127)));
    let limited = |config: DeflateConfig| {
        config.inflated_bytes_max(1 << (limits % 18)).expansion_max(expansion)
    };
    let wanted = wishes(a, b).with(limited);
    let side = common::BOTH[usize::from(kind >> 7)];
    let cuts =
        [usize::from(cut), 3 * usize::from(cut) + 1, usize::from(cut) * usize::from(fragment)];
    match kind % 4 {
        // A stream of frames.
        0 => {
            let negotiated = Negotiated::new(wanted, wanted);
            let fresh = || negotiated.connection(side, Config::default());
            same_for_every_cut_on(&fresh, BACKLOG, rest, &cuts);
        }
        // Compressed data, in fragments with a ping between them, and the message once more.
        opcode @ (1 | 2) => {
            let negotiated = Negotiated::new(wanted, wanted);
            let fresh = || negotiated.connection(side, Config::default());
            let mut wire = Vec::new();
            for _ in 0..2 {
                let (front, back) = rest.split_at(usize::from(fragment) % (rest.len() + 1));
                wire.extend(side.incoming(0x40 | opcode, front));
                wire.extend(side.incoming(0x89, b"?"));
                wire.extend(side.incoming(0x80, back));
            }
            same_for_every_cut_on(&fresh, BACKLOG, &wire, &cuts);
        }
        // Messages that one end sends and the other gets.
        _ => {
            let wanted = wishes(a, b);
            let other = wishes(limits, cut);
            let compression = [Compression::Auto, Compression::Always, Compression::Never];
            let times = (1 + usize::from(fragment)).min(1 + SENT_BYTES_MAX / (rest.len() + 1));
            let messages: Vec<Sent> = rest
                .splitn(SENT_MAX, |byte| *byte == b'\n')
                .enumerate()
                .map(|(i, line)| Sent {
                    data: match str::from_utf8(line) {
                        Ok(text) if i % 2 == 0 => Ok(text.repeat(times)),
                        _ => Err(line.repeat(times)),
                    },
                    parts: cuts[..i % 4].to_vec(),
                    pings: kind & 4 != 0,
                    compression: compression[usize::from(kind >> 3 & 15) % 3],
                })
                .collect();
            let negotiated = Negotiated::new(wanted, other);
            round_trip_to(side, &negotiated, u32::from(fragment), &messages, &cuts);
        }
    }
}
