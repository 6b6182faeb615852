//! The limits are those of the importer. A state beyond them is refused, by name.

use hybi::Limits;
use hybi::export::ImportError;

use super::states::incoming;
use super::*;

/// The export of a server that was fed this.
fn after(mode: Mode, wire: &[u8]) -> Vec<u8> {
    let mut peer = Peer::<Server>::new(None, mode);
    peer.feed(wire);
    let mut bytes = Vec::new();
    peer.ws.export(&mut bytes).unwrap();
    bytes
}

fn import(bytes: &[u8], limits: Limits) -> Result<(), ImportError> {
    let from = &mut &bytes[..];
    let import = Connection::import(Server, &config().limits(limits), from).map(drop);
    assert_eq!(from.is_empty(), import.is_ok(), "all or nothing");
    import
}

#[test]
fn a_message_that_is_too_long_for_the_importer_is_refused() {
    let limits = |max| Limits::default().message_bytes_max(max);
    let too_big = |len| Err(ImportError::MessageTooBig { len });
    for mode in [Mode::Copied, Mode::InPlace] {
        let bytes = after(mode, &incoming::<Server>(0x82, 300, b"some of it"));
        assert_eq!(import(&bytes, limits(299)), too_big(300), "{mode:?}");
        assert_eq!(import(&bytes, limits(300)), Ok(()), "{mode:?}");
    }
    // The sum of the frames counts, also between frames and in a ping.
    let fragments =
        [incoming::<Server>(0x02, 3, b"abc"), incoming::<Server>(0x00, 4, b"defg")].concat();
    for end in [&b""[..], b"\x89\x85", b"\x89\x85key!pi"] {
        let bytes = after(Mode::Copied, &[&fragments[..], end].concat());
        assert_eq!(import(&bytes, limits(6)), too_big(7));
        assert_eq!(import(&bytes, limits(7)), Ok(()));
    }
    // A header counts as soon as it says how long its frame is.
    for (mode, len) in [(Mode::Copied, 8), (Mode::Copied, 13)] {
        let header = incoming::<Server>(0x82, if len == 8 { 300 } else { 70_000 }, b"");
        let announced = if len == 8 { 300 } else { 70_000 };
        let bytes = after(mode, &header[..len - 1]);
        assert_eq!(import(&bytes, limits(announced - 1)), too_big(announced));
        assert_eq!(import(&bytes, limits(announced)), Ok(()));
    }
}

#[test]
fn a_frame_that_is_too_long_for_the_importer_is_refused() {
    let limits = |max| Limits::default().frame_bytes_max(max);
    let too_big = |len| Err(ImportError::FrameTooBig { len });
    let bytes = after(Mode::InPlace, &incoming::<Server>(0x82, 300, b"some of it"));
    assert_eq!(import(&bytes, limits(299)), too_big(300));
    assert_eq!(import(&bytes, limits(300)), Ok(()));
    // The part of it that has arrived does no harm any more.
    let bytes = after(Mode::Copied, &incoming::<Server>(0x82, 300, b"some of it"));
    assert_eq!(import(&bytes, limits(289)), too_big(290));
    assert_eq!(import(&bytes, limits(290)), Ok(()));
}

#[test]
fn a_message_in_too_many_frames_for_the_importer_is_refused() {
    let limits = |max| Limits::default().fragments_max(max);
    let too_many = |fragments| Err(ImportError::TooManyFragments { fragments });
    let mut wire = incoming::<Server>(0x02, 1, b"a");
    wire.extend(incoming::<Server>(0x00, 1, b"b"));
    let bytes = after(Mode::Copied, &wire);
    assert_eq!(import(&bytes, limits(1)), too_many(2));
    assert_eq!(import(&bytes, limits(2)), Ok(()));
    // The first byte of a third frame.
    let bytes = after(Mode::Copied, &[&wire[..], &[0x00]].concat());
    assert_eq!(import(&bytes, limits(2)), too_many(3));
    assert_eq!(import(&bytes, limits(3)), Ok(()));
    let bytes = after(Mode::InPlace, &incoming::<Server>(0x82, 300, b"some of it"));
    assert_eq!(import(&bytes, limits(0)), too_many(1));
}

/// A hostile record says that its message has a limit of its own. It may not keep more for that.
#[test]
fn a_message_with_a_limit_of_its_own_keeps_no_more_than_others() {
    let mut bytes = after(Mode::Copied, &incoming::<Server>(0x82, 300, &[7; 200]));
    let state = 14 + 2;
    assert_eq!(bytes[state..state + 2], [2, 0], "in data, no limit of its own");
    bytes[state + 1] = 1;
    let too_big = Err(ImportError::MessageTooBig { len: 300 });
    assert_eq!(import(&bytes, Limits::default().message_bytes_max(199)), too_big);
    assert_eq!(import(&bytes, Limits::default().message_bytes_max(200)), Ok(()));
}

/// Limits of the importer hold for what arrives later.
#[test]
fn what_arrives_later_is_held_to_the_limits_of_the_importer() {
    let bytes = after(Mode::Copied, &incoming::<Server>(0x02, 3, b"abc"));
    let tight = config().limits(Limits::default().message_bytes_max(5));
    let mut ws = Connection::import(Server, &tight, &mut &bytes[..]).unwrap();
    let mut inbox = Inbox::new();
    inbox.append(&incoming::<Server>(0x80, 3, b"def"));
    let received = ws.receive(&mut inbox.input(), &mut Outbox::new());
    assert_eq!(received, Err(ProtocolError::MessageTooBig { len: 6 }));
}

/// A build without compression cannot go on with a connection that has agreed on it.
#[cfg(not(feature = "deflate"))]
#[test]
fn compression_that_was_agreed_on_is_refused_by_name() {
    // Agreed on by a client between messages, and by a server whose peer has closed and whose
    // writer still compresses.
    let agreed = b"hybi\x01\x01\0\0\0\0\0\0\0\x0e\0\x01\0\0\0\0\0\0\0\0\0\0\0\0";
    let writer = b"hybi\x01\x02\0\0\0\0\0\0\0\x04\0\0\0\0";
    let from = &mut &[&agreed[..], writer].concat()[..];
    let import = Connection::import(<Client<Keys>>::make(), &config(), from).map(drop);
    assert_eq!(import, Err(ImportError::NoDeflate));
    let closed = b"hybi\x01\x01\0\0\0\0\0\0\0\x03\x01\0\x06";
    let writer = b"hybi\x01\x02\0\0\0\0\0\0\0\x07\x01\0\0\x01\x0f\x01\0";
    let from = &mut &[&closed[..], writer].concat()[..];
    assert_eq!(Connection::import(Server, &config(), from).map(drop), Err(ImportError::NoDeflate));
}

#[cfg(feature = "deflate")]
#[test]
fn compression_that_was_agreed_on_must_be_allowed() {
    let mut bytes = Vec::new();
    open::<Server>(Some(super::states::agreed(""))).export(&mut bytes).unwrap();
    let import = |config: &Config| Connection::import(Server, config, &mut &bytes[..]).map(drop);
    assert_eq!(import(&config()), Ok(()));
    assert_eq!(import(&config().deflate(None)), Err(ImportError::NoDeflate));
    // Ours may be left out, unless a message is half compressed.
    let small = config().deflate(deflate_config().outgoing_window_bits(8));
    assert_eq!(import(&small), Ok(()));
    let (mut ws, mut out) = (open::<Server>(Some(super::states::agreed(""))), Outbox::new());
    ws.send_part("part", &mut out).unwrap();
    let mut bytes = Vec::new();
    ws.export(&mut bytes).unwrap();
    let import = |config: &Config| Connection::import(Server, config, &mut &bytes[..]).map(drop);
    assert_eq!(import(&config()), Ok(()));
    assert_eq!(import(&small), Err(ImportError::NoDeflate));
}

/// The peer may have been promised a small window: the importer's larger one changes nothing.
#[cfg(feature = "deflate")]
#[test]
fn what_was_promised_about_compression_is_kept() {
    use hybi::extension::Offers;
    use hybi::extension::deflate;

    // The client asked for no context takeover and a small window for itself, and the server's
    // answer did not mention them.
    let promised = deflate_config().outgoing_window_bits(9).outgoing_context_takeover(false);
    let answer = Offers::new(b"permessage-deflate").next().unwrap().unwrap();
    let agreed = deflate::conclude(&promised, &answer).unwrap();
    let mut bytes = Vec::new();
    <Client<Keys>>::open(Config::default())
        .with_deflate(&agreed, &promised)
        .export(&mut bytes)
        .unwrap();
    let mut ws = Connection::import(<Client<Keys>>::make(), &config(), &mut &bytes[..]).unwrap();
    assert_eq!(ws.deflate(), Some(&agreed));

    // Each message must be readable by itself, with a window of 512 bytes.
    let noise: Vec<u8> =
        (0..1000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let message = [&noise[..], &noise[..]].concat();
    let mut lens = Vec::new();
    for _ in 0..2 {
        let mut out = Outbox::new();
        ws.send(&message, &mut out).unwrap();
        lens.push(out.len());
    }
    assert_eq!(lens[0], lens[1], "the second message refers to the first");
    assert!(lens[0] > 1900, "it refers further back than 512 bytes");
}
