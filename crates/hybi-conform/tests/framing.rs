//! The group `framing` in memory: hybi passes it, and peers that are broken in one way each do not.

use hybi::connection::Transport as What;
use hybi::extension::{Offers, deflate};
use hybi::{Config, Connection, Event, Input, Outbox};
use hybi_conform::memory::{Endpoint, Implementation, Transport, run};
use hybi_conform::{Case, Group, Pieces, Role, Size, Verdict, cases};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// It has no permessage-deflate.
    NoDeflate,
    /// It takes frames with a mask and without.
    AnyMask,
    /// It takes lengths that are longer than they need to be.
    LongLengths,
    /// It does not look at the first bit of a length.
    TopBit,
    /// It waits for all that such a length announces.
    WaitsForever,
    /// It takes a byte order mark away.
    NoBom,
    /// It masks all frames with the same key.
    OneKey,
    /// It looks at RSV1 only in the first frame of a message.
    Rsv1OnContinuation,
    /// It looks at RSV1 only in frames of data.
    Rsv1OnControl,
    /// It takes what does not inflate for a text.
    AnyData,
    /// It does not look at the data after the last block.
    Trailing,
    /// It looks for UTF-8 only in texts that are not compressed.
    CompressedAnyText,
    /// It does not know blocks without compression.
    NoStored,
    /// It does not know BFINAL.
    NoFinal,
    /// It reads one block of a message.
    OneBlock,
    /// It takes every text for a compressed one.
    AlwaysCompressed,
}

/// A frame as it came, whether or not it is right.
struct Frame {
    first: u8,
    is_masked: bool,
    length: Vec<u8>,
    payload: Vec<u8>,
}

impl Frame {
    /// Reads the frames in `bytes`, which end with one.
    fn all(mut bytes: &[u8]) -> Vec<Self> {
        let mut frames = Vec::new();
        while let [first, second, rest @ ..] = bytes {
            let (digits, rest) = rest.split_at(match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            });
            let long = digits.iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
            let len = if digits.is_empty() { u64::from(second & 0x7f) } else { long };
            let len = usize::try_from(len & !(1 << 63)).unwrap();
            let is_masked = second & 0x80 != 0;
            let (key, rest) = rest.split_at(if is_masked { 4 } else { 0 });
            let key = if is_masked { key } else { &[0] };
            let (payload, rest) = rest.split_at(len);
            let payload = payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
            let length = [&[second & 0x7f], digits].concat();
            frames.push(Self { first: *first, is_masked, length, payload });
            bytes = rest;
        }
        frames
    }

    /// The shortest form of a length below 64 KiB.
    fn shorten(&mut self) {
        self.length = match self.payload.len() {
            len @ 0..126 => vec![len as u8],
            len => [&[126][..], &(len as u16).to_be_bytes()].concat(),
        };
    }

    fn write(mut self, wire: &mut Vec<u8>) {
        self.length[0] |= if self.is_masked { 0x80 } else { 0 };
        wire.push(self.first);
        wire.extend(self.length);
        wire.extend(if self.is_masked { &[0; 4][..] } else { &[] });
        wire.extend(self.payload);
    }
}

impl Fault {
    /// Changes a frame before hybi reads it.
    fn incoming(self, role: Role, frame: &mut Frame) {
        let is_compressed = frame.first & 0x4f == 0x41;
        match self {
            Self::AnyMask => frame.is_masked = role == Role::Server,
            Self::LongLengths if frame.length.get(1).is_none_or(|top| top & 0x80 == 0) => {
                frame.shorten();
            }
            Self::TopBit if frame.length.get(1) == Some(&0x80) => frame.shorten(),
            Self::NoBom if frame.payload.starts_with(b"\xef\xbb\xbf") => {
                frame.payload.drain(..3);
                frame.shorten();
            }
            Self::Rsv1OnContinuation if frame.first & 0x0f == 0 => frame.first &= 0xbf,
            Self::Rsv1OnControl if frame.first & 0x08 != 0 => frame.first &= 0xbf,
            Self::AnyData if frame.payload == b"\x06\0\0" => frame.first &= 0xbf,
            Self::Trailing if frame.payload.starts_with(b"\xf2\x48\xcd\xc9\xc9\x07") => {
                frame.payload.truncate(7);
                frame.shorten();
            }
            Self::CompressedAnyText if is_compressed => frame.first ^= 0x03,
            Self::NoStored if is_compressed && frame.payload[0] & 0x06 == 0 => {
                frame.first |= 0x10;
            }
            Self::NoFinal if is_compressed && frame.payload[0] & 0x01 != 0 => frame.first |= 0x10,
            Self::OneBlock if is_compressed && frame.payload.starts_with(b"\xf2\x48\x05") => {
                frame.payload.truncate(3);
                frame.shorten();
            }
            // Those between compressed ones.
            Self::AlwaysCompressed if matches!(&frame.payload[..], b"" | b"World") => {
                frame.first |= 0x40;
            }
            _ => {}
        }
    }

    fn endpoint<R: hybi::Role + 'static>(
        self,
        role: Role,
        connection: Connection<R>,
    ) -> Box<dyn Endpoint> {
        Box::new(Peer { fault: self, role, connection })
    }
}

/// Sends every message back, over hybi's core.
struct Peer<R> {
    fault: Fault,
    role: Role,
    connection: Connection<R>,
}

impl<R: hybi::Role> Endpoint for Peer<R> {
    fn feed(&mut self, bytes: &mut [u8], out: &mut Vec<u8>) {
        let mut wire = bytes.to_vec();
        // A frame with such a length comes alone.
        let is_top_bit = wire.get(2) == Some(&0x80) && wire[1] & 0x7f == 127;
        match self.fault {
            Fault::None | Fault::NoDeflate | Fault::OneKey => {}
            Fault::WaitsForever if is_top_bit => return,
            _ => {
                wire.clear();
                for mut frame in Frame::all(bytes) {
                    self.fault.incoming(self.role, &mut frame);
                    frame.write(&mut wire);
                }
            }
        }
        let (mut input, mut outbox) = (Input::new(&mut wire), Outbox::new());
        loop {
            // Sending fails if the connection is over, and then there is nobody to tell.
            let _ = match self.connection.receive(&mut input, &mut outbox) {
                Ok(Some(Event::Text(text))) => self.connection.send(&text, &mut outbox),
                Ok(Some(Event::Binary(data))) => self.connection.send(&data, &mut outbox),
                Ok(Some(_)) | Err(_) => Ok(()),
                Ok(None) => break,
            };
        }
        out.extend(outbox.take());
    }

    fn transport(&self) -> Transport {
        match self.connection.transport() {
            What::Keep => Transport::Open,
            What::AwaitClose => Transport::Awaits,
            What::Close => Transport::Closed,
        }
    }
}

impl Implementation for Fault {
    fn open(&self, role: Role) -> Box<dyn Endpoint> {
        match role {
            Role::Server => self.endpoint(role, Connection::server(Config::default())),
            Role::Client if *self == Self::OneKey => {
                let one: fn() -> [u8; 4] = || [0xa5, 0x5a, 0x0f, 0xf1];
                self.endpoint(role, Connection::client_with_keys(Config::default(), one))
            }
            Role::Client => self.endpoint(role, Connection::client(Config::default())),
        }
    }

    fn open_server(&self, offer: &str) -> Option<(Box<dyn Endpoint>, String)> {
        if *self == Self::NoDeflate {
            return None;
        }
        let config = deflate::DeflateConfig::default();
        let agreed = deflate::respond(&config, Offers::new(offer.as_bytes()).flatten())?;
        let server = Connection::server(Config::default()).with_deflate(&agreed, &config);
        Some((self.endpoint(Role::Server, server), agreed.to_string()))
    }

    fn open_client(&self, answer: &dyn Fn(&str) -> String) -> Option<Box<dyn Endpoint>> {
        if *self == Self::NoDeflate {
            return None;
        }
        let config = deflate::DeflateConfig::default();
        let answer = answer(&deflate::offer(&config));
        let element = Offers::new(answer.as_bytes()).next()?.ok()?;
        let agreed = deflate::conclude(&config, &element).ok()?;
        let client = Connection::client(Config::default()).with_deflate(&agreed, &config);
        Some(self.endpoint(Role::Client, client))
    }
}

fn framing(role: Role) -> impl Iterator<Item = Case> {
    cases(Group::Framing, Size::Reduced).filter(move |case| case.tests(role))
}

/// Returns the cases that are not `OK` in both readings, with the worse verdict.
fn found(fault: Fault, role: Role) -> Vec<(String, Verdict)> {
    let mut found = Vec::new();
    for case in framing(role) {
        let outcome = run(&fault, role, &case, Pieces::Whole);
        let worst = outcome.verdict().max(outcome.strict);
        if worst != Verdict::Ok {
            found.push((case.id().trim_start_matches("framing/").to_owned(), worst));
        }
    }
    found
}

#[test]
fn hybi_passes_all_of_it_however_it_is_split() {
    for role in Role::BOTH {
        for case in framing(role) {
            for pieces in case.ways() {
                let outcome = run(&Fault::None, role, &case, pieces);
                let all = [outcome.verdict(), outcome.strict];
                assert_eq!(all, [Verdict::Ok; 2], "{} as {role:?}: {outcome}", case.id());
            }
        }
    }
}

/// Each is found by the case that is about it, and by no other.
#[test]
fn peers_that_break_one_rule_fail_its_cases() {
    let faults: [(Fault, &[&str]); 14] = [
        (Fault::AnyMask, &["mask/text", "mask/ping"]),
        (Fault::TopBit, &["length/top-bit"]),
        (Fault::WaitsForever, &["length/top-bit"]),
        (Fault::NoBom, &["text/bom"]),
        (Fault::Rsv1OnContinuation, &["deflate/rsv1/continuation"]),
        (Fault::Rsv1OnControl, &["deflate/rsv1/ping"]),
        (Fault::AnyData, &["deflate/corrupt/block-type"]),
        (Fault::Trailing, &["deflate/corrupt/trailing"]),
        (Fault::NoStored, &["deflate/good/stored"]),
        (Fault::NoFinal, &["deflate/good/last-block"]),
        (Fault::OneBlock, &["deflate/good/two-blocks"]),
        (Fault::AlwaysCompressed, &["deflate/good/uncompressed-between"]),
        (Fault::LongLengths, &[]),
        (Fault::OneKey, &[]),
    ];
    for role in Role::BOTH {
        for (fault, ids) in faults {
            let failed = found(fault, role).into_iter();
            let failed = failed.filter(|(_, verdict)| *verdict == Verdict::Failed);
            let failed: Vec<_> = failed.map(|(id, _)| id).collect();
            match (fault, role) {
                (Fault::OneKey, Role::Client) => assert_eq!(failed, ["mask/keys"]),
                _ => assert_eq!(failed, ids, "{fault:?} as {role:?}"),
            }
        }
    }
}

/// RFC 6455 §8.1 is about what was compressed, too.
#[test]
fn a_compressed_text_that_is_passed_on_as_bytes_fails() {
    for role in Role::BOTH {
        let found = found(Fault::CompressedAnyText, role);
        let expected = (String::from("deflate/not-utf-8"), Verdict::Failed);
        assert!(found.contains(&expected), "{role:?}: {found:?}");
    }
}

/// RFC 6455 §5.2 says what a sender must do, and not what a receiver does.
#[test]
fn a_peer_may_take_lengths_in_a_longer_form() {
    for role in Role::BOTH {
        let lengths = ["5-in-16-bits", "5-in-64-bits", "126-in-64-bits"];
        let lengths = lengths.map(|id| (format!("length/{id}"), Verdict::Informational));
        assert_eq!(found(Fault::LongLengths, role), lengths);
    }
}

#[test]
fn without_permessage_deflate_its_cases_are_unimplemented() {
    for role in Role::BOTH {
        let found = found(Fault::NoDeflate, role);
        assert_eq!(found.len(), 9);
        for (id, verdict) in found {
            assert!(id.starts_with("deflate/") && verdict == Verdict::Unimplemented, "{id}");
        }
    }
}
