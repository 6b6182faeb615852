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
            default.context_takeover(false, false),
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
            default.window_bits(9, 15),
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
            default.window_bits(15, 11),
            Some("permessage-deflate; client_max_window_bits=11"),
        ),
        (
            "permessage-deflate; client_max_window_bits=10",
            default,
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        ("permessage-deflate", default.window_bits(15, 11), None),
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
        let agreed = deflate::accept(&config, offers(offered));
        assert_eq!(agreed.map(|agreed| agreed.to_string()).as_deref(), answer, "{offered}");
    }
}

#[test]
fn a_client_judges_each_response_as_the_rfc_says() {
    let default = DeflateConfig::default();
    let conclude =
        |config: &DeflateConfig, response| deflate::conclude(config, &offers(response)[0]);
    for (response, config, error) in [
        ("permessage-deflate", default, None),
        // §7.1.1.2: accepted although it was not offered.
        ("permessage-deflate; client_no_context_takeover", default, None),
        ("permessage-deflate; server_no_context_takeover", default, None),
        ("permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", default, None),
        ("permessage-deflate; server_max_window_bits=10", default.window_bits(15, 10), None),
        (
            "permessage-deflate; server_max_window_bits=11",
            default.window_bits(15, 10),
            Some(Disagreement::ServerWindow),
        ),
        ("permessage-deflate", default.window_bits(15, 10), Some(Disagreement::ServerWindow)),
        (
            "permessage-deflate",
            default.context_takeover(true, false),
            Some(Disagreement::ServerTakeover),
        ),
        ("permessage-deflate; x", default, Some(Disagreement::Unknown)),
        ("permessage-deflate; client_max_window_bits", default, Some(Disagreement::Value)),
        ("permessage-deflate; server_max_window_bits", default, Some(Disagreement::Value)),
        ("permessage-deflate; client_max_window_bits=16", default, Some(Disagreement::Value)),
        ("permessage-deflate; server_no_context_takeover=x", default, Some(Disagreement::Value)),
        (
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            default,
            Some(Disagreement::Repeated),
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
    for (config, offer) in [
        (default, "permessage-deflate; client_max_window_bits"),
        (
            default.window_bits(9, 15).context_takeover(false, true),
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
        ),
        (
            default.window_bits(15, 10).context_takeover(true, false),
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits",
        ),
    ] {
        assert_eq!(deflate::offer(&config), offer);
    }
}
