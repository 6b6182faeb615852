//! Bytes that are no export, or not quite: refused, or a legal connection.

use hybi::export::ImportError;
use hybi::keepalive::{Keepalive, KeepaliveConfig};

use super::bodies::export::import_raw;
use super::states::{Exported, all, record_len};
use super::*;

#[test]
fn every_truncation_of_every_state_is_refused() {
    for exported in all() {
        let bytes = &exported.bytes;
        let reader = record_len(bytes);
        let connection = reader + record_len(&bytes[reader..]);
        for end in 0..connection {
            let cut = &bytes[..end];
            let error = match exported.is_server {
                true => Connection::import(Server, &config(), &mut &cut[..]).err(),
                false => Connection::import(<Client<Keys>>::make(), &config(), &mut &cut[..]).err(),
            };
            assert_eq!(error, Some(ImportError::Truncated), "{}, {end} bytes", exported.name);
        }
        // A record whose header says that it is so short: fields are missing.
        for len in 0..reader - 14 {
            let mut cut = bytes[..14 + len].to_vec();
            cut[6..14].copy_from_slice(&(len as u64).to_be_bytes());
            cut.extend(&bytes[reader..]);
            let error = import_raw(&cut);
            assert!(error.is_err(), "{}, a reader of {len} bytes", exported.name);
        }
    }
}

#[test]
fn every_change_of_a_byte_of_every_state_is_refused_or_harmless() {
    let (mut refused, mut harmless) = (0, 0);
    for Exported { name, bytes, .. } in all() {
        let reader = record_len(&bytes);
        let connection = reader + record_len(&bytes[reader..]);
        println!("{name}"); // the one that fails is the last that is printed
        for at in 0..connection {
            for value in [0, 1, 2, 3, 0x7f, 0x80, 0xff].into_iter().chain([
                bytes[at].wrapping_add(1),
                bytes[at].wrapping_sub(1),
                bytes[at] ^ 0x80,
                bytes[at] ^ 0x20,
            ]) {
                let mut changed = bytes.clone();
                changed[at] = value;
                match import_raw(&changed) {
                    Ok(()) => harmless += 1,
                    Err(_) => refused += 1,
                }
            }
        }
    }
    println!("{refused} refused, {harmless} harmless");
    assert!(refused > 10_000 && harmless > 1_000, "{refused}, {harmless}");
}

/// Every value of every byte of the shortest states, and of the records beside a connection.
#[test]
fn every_value_of_every_byte_of_a_new_connection_is_refused_or_harmless() {
    let mut peer = Peer::<Server>::new(None, Mode::Copied);
    peer.inbox.append(b"unread");
    peer.out.append(b"unsent");
    let bytes = peer.export().unwrap();
    let mut keepalive = Vec::new();
    let now = std::time::Duration::from_secs(100);
    Keepalive::new(KeepaliveConfig::default(), now).export(
        now,
        peer.out.progress(),
        &mut keepalive,
    );
    for at in 0..bytes.len() {
        for value in 0..=u8::MAX {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = import_raw(&changed);
        }
    }
    for at in 0..keepalive.len() {
        for value in 0..=u8::MAX {
            let mut changed = keepalive.clone();
            changed[at] = value;
            let import = Keepalive::import(
                KeepaliveConfig::default(),
                now,
                peer.out.progress(),
                &mut &changed[..],
            );
            if let Ok(mut keepalive) = import {
                for _ in 0..3 {
                    let _ = keepalive.poll(now, &mut peer.ws, &mut peer.out);
                }
            }
        }
    }
}

#[test]
fn foreign_bytes_are_told_apart() {
    let error = |bytes: &[u8]| Inbox::import(&mut &bytes[..]).map(drop).unwrap_err();
    assert_eq!(error(b""), ImportError::Truncated);
    assert_eq!(error(b"hyb"), ImportError::Truncated);
    assert_eq!(error(b"GET / HTTP/1.1\r\n"), ImportError::Foreign);
    assert_eq!(error(b"\0"), ImportError::Foreign);
    // The version is looked at as soon as it is there: what follows may look otherwise.
    assert_eq!(error(b"hybi\x02"), ImportError::Version { version: 2 });
    assert_eq!(error(b"hybi\x00whatever it was"), ImportError::Version { version: 0 });
    let mut bytes = Vec::new();
    Outbox::new().export(&mut bytes);
    assert_eq!(error(&bytes), ImportError::Kind { found: 4 });
    // A length that there is no memory for.
    assert_eq!(error(b"hybi\x01\x03\xff\xff\xff\xff\xff\xff\xff\xff"), ImportError::Truncated);
}

/// Without compression, only one of the violations that a connection may be about to report is
/// possible.
#[test]
fn a_fault_of_compression_is_refused_without_compression() {
    for number in 0..=u8::MAX {
        let mut bytes = Vec::new();
        Connection::server(config()).export(&mut bytes).unwrap();
        bytes.splice(16..17, [5, number]);
        bytes[13] += 1;
        let import = Connection::import(Server, &config(), &mut &bytes[..]).map(drop);
        let malformed = Err(ImportError::Malformed { at: 17 });
        assert_eq!(import, if number == 0 { Ok(()) } else { malformed });
    }
}

#[test]
fn the_other_role_is_refused() {
    let mut bytes = Vec::new();
    <Client<Keys>>::open(config()).export(&mut bytes).unwrap();
    let from = &mut &bytes[..];
    assert_eq!(Connection::import(Server, &config(), from).err(), Some(ImportError::Role));
    assert_eq!(from.len(), bytes.len(), "nothing was taken");
    assert!(Connection::import(<Client<Keys>>::make(), &config(), from).is_ok());
    assert!(from.is_empty());
}

/// The errors are the caller's to print.
#[test]
fn every_error_says_what_to_do() {
    let error = |error: ImportError| (error.name(), error.to_string());
    let (name, text) = error(ImportError::Version { version: 7 });
    assert_eq!(name, "import-version");
    assert!(text.contains("version 7") && text.contains("only version 1"), "{text}");
    let (name, text) = error(ImportError::MessageTooBig { len: 9 });
    assert_eq!(name, "import-message-too-big");
    assert!(text.contains("Limits::message_bytes_max"), "{text}");
    let (_, text) = error(ImportError::FrameTooBig { len: 9 });
    assert!(text.contains("Limits::frame_bytes_max"), "{text}");
    let (_, text) = error(ImportError::TooManyFragments { fragments: 9 });
    assert!(text.contains("Limits::fragments_max"), "{text}");
    let (_, text) = error(ImportError::NoDeflate);
    assert!(text.contains("Config::deflate"), "{text}");
    assert!(ExportError::InCompressedMessage.to_string().contains("after it"));
    assert_eq!(ExportError::InCompressedMessage.name(), "export-in-compressed-message");
}

/// The corpus of the fuzz target.
#[test]
fn replay() {
    crate::corpus::replay("export", super::bodies::export::import);
}
