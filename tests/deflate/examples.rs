//! The examples of RFC 7692 §7.2.3.

use super::*;

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn one_message_whole_and_in_fragments() {
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    check(fresh, &[&[0xc1, 0x07][..], &HELLO].concat(), &[text("Hello")]);
    check(
        fresh,
        &[0x41, 0x03, 0xf2, 0x48, 0xcd, 0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00],
        &[text("Hello")],
    );
}

#[test]
fn the_window_is_shared_between_messages() {
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    let second = [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00];
    let wire = [&[0xc1, 0x07][..], &HELLO, &second].concat();
    check(fresh, &wire, &[text("Hello"), text("Hello")]);
    // §7.2.3.2: uncompressed messages in between do not affect the window.
    let wire = [&[0xc1, 0x07][..], &HELLO, &[0x81, 0x02, b'h', b'i'], &second].concat();
    check(fresh, &wire, &[text("Hello"), text("hi"), text("Hello")]);
    // Without takeover, the second message refers to nothing.
    let fresh = || client(NO_TAKEOVER, &DeflateConfig::default());
    let wire = [&[0xc1, 0x07][..], &HELLO, &second].concat();
    check(fresh, &wire, &[text("Hello"), Seen::Failed(ProtocolError::NotDeflate)]);
}

#[test]
fn a_block_without_compression() {
    let wire = [0xc1, 0x0b, 0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &[text("Hello")]);
}

#[test]
fn a_final_block() {
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    let message = [0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    check(fresh, &message, &[text("Hello")]);
    // It ends neither the connection's compression nor its window.
    let referring = [0xc1, 0x05, 0xf2, 0x00, 0x11, 0x00, 0x00];
    let wire = [&message[..], &message, &referring, &referring].concat();
    check(fresh, &wire, &[text("Hello"), text("Hello"), text("Hello"), text("Hello")]);
    let fresh = || client(NO_TAKEOVER, &DeflateConfig::default());
    check(fresh, &[message, message].concat(), &[text("Hello"), text("Hello")]);
}

#[test]
fn two_blocks_in_one_message() {
    let wire =
        [0xc1, 0x0d, 0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &[text("Hello")]);
}

#[test]
fn an_empty_message_and_an_empty_last_fragment() {
    let fresh = || client(DEFAULT, &DeflateConfig::default());
    check(fresh, &[0xc1, 0x01, 0x00], &[text("")]);
    // All of "Hello" with its tail in the first fragment, an empty block in the last.
    let first = [&HELLO[..], &[0x00, 0x00, 0xff, 0xff]].concat();
    let wire =
        [frame(false, true, OpCode::TEXT, &first), frame(true, false, OpCode::CONTINUATION, &[0])]
            .concat();
    check(fresh, &wire, &[text("Hello")]);
}

#[test]
fn we_send_the_same() {
    let config = DeflateConfig::default().compress_from(0);
    let (mut ws, mut out) = (server(DEFAULT, &config), Outbox::new());
    ws.send("Hello", &mut out).unwrap();
    assert_eq!(out, [&[0xc1, 0x07][..], &HELLO].concat());
    out.clear();
    ws.send("Hello", &mut out).unwrap();
    // The RFC's bytes (a letter and a copy) or one copy of all: the backend's choice.
    assert!(out.len() <= 7);
    ws.send("", &mut out).unwrap();
    assert!(out.front().ends_with(&[0xc1, 0x01, 0x00]));
    ws.send("Hello", &mut out).unwrap();
    let wire = [&[0xc1, 0x07][..], &HELLO, &out.take()].concat();
    let hello = text("Hello");
    let expected = [hello.clone(), hello.clone(), text(""), hello];
    check(|| client(DEFAULT, &DeflateConfig::default()), &wire, &expected);
}
