//! Offers and answers as functions (RFC 7692 §5, §7.1).

use super::*;

fn offers(list: &str) -> Vec<Offer<'_>> {
    Offers::new(list.as_bytes()).map(Result::unwrap).collect()
}

#[test]
fn a_server_answers_each_offer_as_the_rfc_says() {
    let default = DeflateConfig::default();
    for (offered, config, answer) in [
        ("permessage-deflate", default, Some("permessage-deflate")),
        ("permessage-deflate; client_max_window_bits", default, Some("permessage-deflate")),
        ("x-other, permessage-deflate", default, Some("permessage-deflate")),
        ("x-other", default, None),
        ("", default, None),
        // §7.1.1
        (
            "permessage-deflate; server_no_context_takeover",
            default,
            Some("permessage-deflate; server_no_context_takeover"),
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            default,
            Some("permessage-deflate; client_no_context_takeover"),
        ),
        (
            "permessage-deflate",
            default.outgoing_context_takeover(false).incoming_context_takeover(false),
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        // §7.1.2.1: the same or a smaller window.
        (
            "permessage-deflate; server_max_window_bits=10",
            default,
            Some("permessage-deflate; server_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            default.outgoing_window_bits(9),
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            default,
            Some("permessage-deflate; server_max_window_bits=15"),
        ),
        (
            "permessage-deflate; server_max_window_bits=8",
            default,
            Some("permessage-deflate; server_max_window_bits=8"),
        ),
        // §7.1.2.2: only a client that says so can be limited.
        (
            "permessage-deflate; client_max_window_bits",
            default.incoming_window_bits(11),
            Some("permessage-deflate; client_max_window_bits=11"),
        ),
        (
            "permessage-deflate; client_max_window_bits=10",
            default,
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; client_max_window_bits=12",
            default.incoming_window_bits(11),
            Some("permessage-deflate; client_max_window_bits=11"),
        ),
        // Any other is accepted without a limit: we can read the largest window.
        ("permessage-deflate", default.incoming_window_bits(11), Some("permessage-deflate")),
        (
            "permessage-deflate; server_max_window_bits=9",
            default.incoming_window_bits(8),
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        // §7: a preference list; the first that will do.
        (
            "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=9, permessage-deflate",
            default,
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        // §7: what must be declined.
        ("permessage-deflate; unknown", default, None),
        ("permessage-deflate; __proto__=1", default, None),
        ("permessage-deflate; Server_No_Context_Takeover", default, None),
        ("permessage-deflate; server_no_context_takeover=1", default, None),
        ("permessage-deflate; client_no_context_takeover=\"x\"", default, None),
        (
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            default,
            None,
        ),
        ("permessage-deflate; server_max_window_bits", default, None),
        ("permessage-deflate; server_max_window_bits=7", default, None),
        ("permessage-deflate; server_max_window_bits=16", default, None),
        ("permessage-deflate; server_max_window_bits=08", default, None),
        ("permessage-deflate; server_max_window_bits=10a", default, None),
        ("permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", default, None),
        ("permessage-deflate; client_max_window_bits=0", default, None),
        ("permessage-deflate; client_max_window_bits=256", default, None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits=9", default, None),
    ] {
        let agreed = deflate::respond(&config, offers(offered));
        assert_eq!(agreed.map(|agreed| agreed.to_string()).as_deref(), answer, "{offered}");
    }
}

/// What deployed clients offer (November 2026), and what three servers answer: one without wishes,
/// one with windows of 2 KiB, and one that keeps nothing between messages. None is declined.
#[test]
fn a_server_compresses_with_every_deployed_client() {
    const CHROME: &str = "permessage-deflate; client_max_window_bits";
    const FIREFOX: &str = "permessage-deflate";
    const GORILLA: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    const AUTOBAHN: &str = "permessage-deflate; client_no_context_takeover; client_max_window_bits";
    const BEAST: &str = "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15";
    let [small, fresh] = [DeflateConfig::default(); 2];
    let small = small.outgoing_window_bits(11).incoming_window_bits(11);
    let fresh = fresh.outgoing_context_takeover(false).incoming_context_takeover(false);
    let neither = "server_no_context_takeover; client_no_context_takeover";
    for (clients, offered, plain, with_small, with_fresh) in [
        (
            "Chrome, Edge, Node's ws and undici, Python's websockets, aiohttp and tornado, WebKitGTK",
            CHROME,
            "",
            "server_max_window_bits=11; client_max_window_bits=11",
            neither,
        ),
        ("Firefox, Safari, okhttp, nhooyr", FIREFOX, "", "server_max_window_bits=11", neither),
        (
            "gorilla",
            GORILLA,
            neither,
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11",
            neither,
        ),
        (
            "Autobahn, libwebsockets",
            AUTOBAHN,
            "client_no_context_takeover",
            "client_no_context_takeover; server_max_window_bits=11; client_max_window_bits=11",
            neither,
        ),
        (
            "aiohttp with nine bits",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=9",
            "server_max_window_bits=9",
            "server_max_window_bits=9; client_max_window_bits=11",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
        ),
        (
            "Boost.Beast",
            BEAST,
            "server_max_window_bits=15",
            "server_max_window_bits=11; client_max_window_bits=11",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
        ),
    ] {
        let configs = [(DeflateConfig::default(), plain), (small, with_small), (fresh, with_fresh)];
        for (config, parameters) in configs {
            let separator = if parameters.is_empty() { "" } else { "; " };
            let answer = format!("permessage-deflate{separator}{parameters}");
            let agreed =
                deflate::respond(&config, offers(offered)).map(|agreed| agreed.to_string());
            assert_eq!(agreed, Some(answer), "{clients}: {offered}");
        }
    }
    // Older Safari: another extension, which we have not got.
    assert_eq!(deflate::respond(&small, offers("x-webkit-deflate-frame")), None);
}

/// A window that we could not limit is read in full: here a copy from 30,000 bytes back, where we
/// would have liked 512.
#[test]
fn a_client_that_cannot_be_limited_is_read_all_the_same() {
    let config = DeflateConfig::default().incoming_window_bits(9);
    let agreed = deflate::respond(&config, offers("permessage-deflate")).unwrap();
    assert_eq!(agreed.client_max_window_bits(), 15);
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(30_000)
    .collect();
    let keys: fn() -> [u8; 4] = || [1, 2, 3, 4];
    let mut firefox = Connection::client_with_keys(Config::default(), keys)
        .with_deflate(&agreed, &DeflateConfig::default());
    let mut ws = Connection::server(Config::default()).with_deflate(&agreed, &config);
    for _ in 0..2 {
        let mut wire = Outbox::new();
        firefox.send(&*noise, &mut wire).unwrap();
        assert_eq!(receive(&mut ws, &wire.take(), 1000), [Seen::Binary(noise.clone())]);
    }
}

#[test]
fn a_client_judges_each_response_as_the_rfc_says() {
    let default = DeflateConfig::default();
    // What is asked for is a condition; with the fallback that there is otherwise, only a wish.
    let strict = default.fallbacks(&[]);
    let bare = default.offer_client_max_window_bits(false);
    let conclude =
        |config: &DeflateConfig, response| deflate::conclude(config, &offers(response)[0]);
    for (response, config, error) in [
        ("permessage-deflate", default, None),
        // §7.1.1.2: accepted although it was not offered.
        ("permessage-deflate; client_no_context_takeover", default, None),
        ("permessage-deflate; server_no_context_takeover", default, None),
        ("permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", default, None),
        ("permessage-deflate; server_max_window_bits=10", strict.incoming_window_bits(10), None),
        (
            "permessage-deflate; server_max_window_bits=11",
            strict.incoming_window_bits(10),
            Some(NegotiationError::ServerWindow),
        ),
        (
            "permessage-deflate",
            strict.incoming_window_bits(10),
            Some(NegotiationError::ServerWindow),
        ),
        (
            "permessage-deflate",
            strict.incoming_context_takeover(false),
            Some(NegotiationError::ServerTakeover),
        ),
        // §5: the response suits one of the offers; nobody says which.
        ("permessage-deflate; server_max_window_bits=11", default.incoming_window_bits(10), None),
        ("permessage-deflate", default.incoming_window_bits(10), None),
        ("permessage-deflate", default.incoming_context_takeover(false), None),
        ("permessage-deflate", default.incoming_window_bits(10).fallbacks(&[default]), None),
        (
            "permessage-deflate; server_max_window_bits=12",
            default.incoming_window_bits(10).fallbacks(&[default.incoming_window_bits(12)]),
            None,
        ),
        (
            "permessage-deflate; server_max_window_bits=13",
            default.incoming_window_bits(10).fallbacks(&[default.incoming_window_bits(12)]),
            Some(NegotiationError::ServerWindow),
        ),
        // Each half suits one, but both together none.
        (
            "permessage-deflate; server_max_window_bits=12",
            default
                .incoming_window_bits(10)
                .fallbacks(&[default.incoming_window_bits(12).incoming_context_takeover(false)]),
            Some(NegotiationError::ServerTakeover),
        ),
        // §7.1.2.2: not in the offer, so not in the response.
        ("permessage-deflate; client_no_context_takeover", bare, None),
        ("permessage-deflate; server_max_window_bits=8", bare, None),
        (
            "permessage-deflate; client_max_window_bits=15",
            bare,
            Some(NegotiationError::ClientWindow),
        ),
        ("permessage-deflate; client_max_window_bits=9", bare.fallbacks(&[default]), None),
        // What stands against the last offer is told.
        (
            "permessage-deflate; client_max_window_bits=15",
            bare.incoming_window_bits(10),
            Some(NegotiationError::ClientWindow),
        ),
        ("permessage-deflate; x", default, Some(NegotiationError::Unknown)),
        ("permessage-deflate; client_max_window_bits", default, Some(NegotiationError::Value)),
        ("permessage-deflate; server_max_window_bits", default, Some(NegotiationError::Value)),
        ("permessage-deflate; client_max_window_bits=16", default, Some(NegotiationError::Value)),
        (
            "permessage-deflate; server_no_context_takeover=x",
            default,
            Some(NegotiationError::Value),
        ),
        (
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            default,
            Some(NegotiationError::Repeated),
        ),
    ] {
        assert_eq!(conclude(&config, response).err(), error, "{response}");
        // Whoever asks an error for its section and whoever reads its text learn the same.
        if let Some(error) = error {
            let section = hybi::handshake::ResponseError::Deflate(error).section();
            assert!(section.starts_with("RFC 7692 §7"), "{section}");
            assert!(
                error.to_string().ends_with(&format!(" ({section})")),
                "{error}, but {section}"
            );
        }
    }
}

#[test]
fn a_client_offers_what_its_caller_wants() {
    let default = DeflateConfig::default();
    let small = default.incoming_window_bits(10);
    let bare = default.offer_client_max_window_bits(false);
    for (config, offer) in [
        (default, "permessage-deflate; client_max_window_bits"),
        // Hints are no demands: there is nothing to fall back from.
        (
            default.outgoing_window_bits(9).outgoing_context_takeover(false),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
        ),
        // As Firefox and Safari do; our own window is then our own affair.
        (bare, "permessage-deflate"),
        (bare.outgoing_window_bits(9), "permessage-deflate"),
        (bare.outgoing_context_takeover(false), "permessage-deflate; client_no_context_takeover"),
        // RFC 7692 §7.1.3: what several servers do not know is followed by what they all know.
        (
            small,
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
             permessage-deflate; client_max_window_bits",
        ),
        (
            small.outgoing_window_bits(9).incoming_context_takeover(false),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; \
             client_max_window_bits=9, permessage-deflate; client_max_window_bits=9",
        ),
        (
            bare.incoming_context_takeover(false),
            "permessage-deflate; server_no_context_takeover, permessage-deflate",
        ),
        // Unless the caller says otherwise.
        (
            small.fallbacks(&[]),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits",
        ),
        (
            default.fallbacks(&[bare]),
            "permessage-deflate; client_max_window_bits, permessage-deflate",
        ),
        (
            small.fallbacks(&[small.incoming_window_bits(12), small, default]),
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
             permessage-deflate; server_max_window_bits=12; client_max_window_bits, \
             permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
             permessage-deflate; client_max_window_bits",
        ),
    ] {
        assert_eq!(deflate::offer(&config), offer);
        // What we offer, every server of ours accepts, and the first of it.
        let elements = offers(offer);
        let server = deflate::respond(&default, elements.iter().copied()).unwrap();
        assert_eq!(Some(server), deflate::respond(&default, elements[..1].iter().copied()));
        assert_eq!(deflate::conclude(&config, &offers(&server.to_string())[0]), Ok(server));
    }
    // Every window in turn; there is no ninth.
    let all: Vec<_> = (9..=15).map(|bits| default.incoming_window_bits(bits)).collect();
    let offer = deflate::offer(&default.incoming_window_bits(8).fallbacks(&all));
    let windows: Vec<_> = offers(&offer)
        .iter()
        .map(|offer| offer.params().find(|(name, _)| *name == "server_max_window_bits"))
        .map(|param| param.map_or("15".into(), |(_, bits)| bits.unwrap().into_owned()))
        .collect();
    assert_eq!(windows, ["8", "9", "10", "11", "12", "13", "14", "15"]);
    let more = [all.clone(), all].concat();
    assert_eq!(deflate::offer(&default.incoming_window_bits(8).fallbacks(&more)), offer);
}

/// What deployed servers answer (November 2026) to a client without wishes, to one that would like
/// windows of 1 KiB, and to one that keeps nothing between messages. All are good for us, and
/// compressed.
#[test]
fn a_client_compresses_with_every_deployed_server() {
    const BOTH_FRESH: &str = "server_no_context_takeover; client_no_context_takeover";
    let default = DeflateConfig::default();
    let small = default.incoming_window_bits(10);
    let fresh = default.incoming_context_takeover(false);
    // Windows and no takeover of the server, then of the client.
    for (server, config, answer, agreed) in [
        ("ws, aiohttp, tornado, libsoup, Jetty, Netty", default, "", (15, false, 15, false)),
        ("wsproto, Chromium", default, "client_max_window_bits=15", (15, false, 15, false)),
        (
            "Python's websockets",
            default,
            "server_max_window_bits=12; client_max_window_bits=12",
            (12, false, 12, false),
        ),
        ("gorilla, NATS", default, BOTH_FRESH, (15, true, 15, true)),
        (
            "Bun",
            default,
            "client_no_context_takeover; server_no_context_takeover",
            (15, true, 15, true),
        ),
        // Those that know the parameter.
        ("ws", small, "server_max_window_bits=10", (10, false, 15, false)),
        (
            "Python's websockets",
            small,
            "server_max_window_bits=10; client_max_window_bits=12",
            (10, false, 12, false),
        ),
        ("aiohttp, ws", fresh, "server_no_context_takeover", (15, true, 15, false)),
        // Those that decline it and take the fallback, and those that ignore it.
        ("Netty", small, "", (15, false, 15, false)),
        ("gorilla", small, BOTH_FRESH, (15, true, 15, true)),
        ("tornado", fresh, "", (15, false, 15, false)),
    ] {
        let separator = if answer.is_empty() { "" } else { "; " };
        let answer = format!("permessage-deflate{separator}{answer}");
        let got = deflate::conclude(&config, &offers(&answer)[0])
            .unwrap_or_else(|error| panic!("{server}: {answer}: {error}"));
        let got = (
            got.server_max_window_bits(),
            got.server_no_context_takeover(),
            got.client_max_window_bits(),
            got.client_no_context_takeover(),
        );
        assert_eq!(got, agreed, "{server}: {answer}");
    }
}

/// A server that takes the fallback may do what it falls back to: its messages are read in a larger
/// window than we asked for, and with takeover.
#[test]
fn a_client_reads_what_a_server_that_ignores_its_wishes_sends() {
    let wishes = DeflateConfig::default().incoming_window_bits(9).incoming_context_takeover(false);
    let agreed = deflate::conclude(&wishes, &offers("permessage-deflate")[0]).unwrap();
    let keys: fn() -> [u8; 4] = || [1, 2, 3, 4];
    let mut ws =
        Connection::client_with_keys(Config::default(), keys).with_deflate(&agreed, &wishes);
    let (mut tornado, mut wire) = (server(DEFAULT, &DeflateConfig::default()), Outbox::new());
    let long = (0..3000).map(|i| format!("{i} ")).collect::<String>();
    tornado.send(&long, &mut wire).unwrap();
    let first = wire.len();
    tornado.send(&long, &mut wire).unwrap();
    assert!(wire.len() < first + first / 2, "the second refers to the first");
    assert_eq!(receive(&mut ws, &wire.take(), 1000), [text(&long), text(&long)]);
}

#[test]
fn a_setting_out_of_range_counts_as_the_nearest() {
    let default = DeflateConfig::default();
    assert_eq!(default.level(77), default.level(9));
    assert_ne!(default.level(9), default.level(8));
    assert_eq!(default.memory_level(0), default.memory_level(1));
    assert_eq!(default.memory_level(255), default.memory_level(9));
    assert_ne!(default.memory_level(2), default.memory_level(1));
    for (bits, nearest) in [(0, 8), (3, 8), (8, 8), (9, 9), (15, 15), (16, 15), (255, 15)] {
        assert_eq!(default.outgoing_window_bits(bits), default.outgoing_window_bits(nearest));
        assert_eq!(default.incoming_window_bits(bits), default.incoming_window_bits(nearest));
        let both = default.outgoing_window_bits(bits).incoming_window_bits(bits);
        let offer = deflate::offer(&both.fallbacks(&[]));
        let window = |name: &str| format!("; {name}_max_window_bits={nearest}");
        let want = match nearest {
            15 => "; client_max_window_bits".to_owned(),
            _ => window("server") + &window("client"),
        };
        assert_eq!(offer, format!("permessage-deflate{want}"));
    }
}

#[test]
fn a_setting_can_be_unset() {
    let default = DeflateConfig::default();
    let limited = default.expansion_max(NonZeroU32::MIN);
    assert_eq!(default.expansion_max(NonZeroU32::new(1)), limited);
    assert_ne!(limited, default);
    assert_eq!(limited.expansion_max(None), default);
    assert_eq!(limited.expansion_max(NonZeroU32::new(0)), default, "zero times is no limit");
}

/// A window of 8 bits can be agreed upon, but not compressed with.
#[test]
fn with_the_smallest_window_messages_are_sent_uncompressed() {
    let config = DeflateConfig::default().outgoing_window_bits(8).compress_from(0);
    let mut ws = server("permessage-deflate", &config);
    let mut out = Outbox::new();
    ws.send(&[7; 100], &mut out).unwrap();
    assert_eq!(out.front()[..2], [0x82, 100], "RSV1 is not set");
}
