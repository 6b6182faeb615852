//! How a connection ends, as the page and the server see it.

use std::sync::Mutex;
use std::sync::mpsc;

use hybi::blocking::Closed;
use hybi::{CloseCode, Message};

use crate::devtools::GUARD;
use crate::page::Page;
use crate::server::serve;

/// A server that waits for the end of every connection; the address, and what it sees.
fn see_the_end() -> (String, mpsc::Receiver<Closed>) {
    let (ends, seen) = mpsc::channel();
    let address = serve(move |mut ws| {
        assert_eq!(ws.receive().unwrap(), None);
        ends.send(ws.closed().unwrap().clone()).unwrap();
    });
    (address, seen)
}

#[test]
#[ignore = "needs chromium"]
fn the_page_closes() {
    let (address, seen) = see_the_end();
    let mut page = Page::open_connected(&address);
    let long_reason = "\u{20ac}".repeat(41); // 123 bytes
    for (code, reason, want_code, want_reason) in [
        ("4001", "done", 4001, "done"),
        ("1000", "", 1000, ""),
        ("3000", long_reason.as_str(), 3000, long_reason.as_str()),
        ("4999", "\"quoted\"", 4999, "\"quoted\""),
        ("", "", 1005, ""),
    ] {
        page.fill("closecode", code);
        page.fill("closereason", reason);
        page.click("close");
        let quoted = serde_json::to_string(want_reason).unwrap();
        assert_eq!(page.outcome(), format!("{want_code} {quoted} clean"));
        let closed = seen.recv_timeout(GUARD).unwrap();
        assert_eq!(
            (closed.code(), closed.reason(), closed.was_clean()),
            (want_code, want_reason, true)
        );
        page.click("connect");
        page.until_state(1);
    }
}

#[test]
#[ignore = "needs chromium"]
fn the_server_closes() {
    let (ends, seen) = mpsc::channel();
    let orders = Mutex::new(
        vec![Some((4002, "bye \u{1f44b}")), Some((1000, "")), Some((1001, "restarting")), None]
            .into_iter(),
    );
    let address = serve(move |mut ws| {
        let Some(order) = orders.lock().unwrap().next() else { return };
        assert!(matches!(ws.receive(), Ok(Some(Message::Text(_)))));
        match order {
            Some((code, reason)) => ws.close(CloseCode::new(code).unwrap(), reason).unwrap(),
            None => ws.close_without_code().unwrap(),
        }
        assert_eq!(ws.receive().unwrap(), None);
        ends.send(ws.closed().unwrap().clone()).unwrap();
    });
    let mut page = Page::open(&address);
    for (code, shown) in [
        (4002, "4002 \"bye \u{1f44b}\" clean"),
        (1000, "1000 \"\" clean"),
        (1001, "1001 \"restarting\" clean"),
        (1005, "1005 \"\" clean"),
    ] {
        page.until_state(1);
        page.fill("text", "close, please");
        page.click("send");
        assert_eq!(page.outcome(), shown);
        // RFC 6455 §5.5.1: the answer echoes the code.
        let closed = seen.recv_timeout(GUARD).unwrap();
        assert_eq!((closed.code(), closed.was_clean()), (code, true));
        page.click("connect");
    }
}

#[test]
#[ignore = "needs chromium"]
fn a_dropped_connection_is_1006() {
    let address = serve(|mut ws| {
        assert_eq!(ws.receive().unwrap(), Some("drop me".into()));
    });
    let mut page = Page::open_connected(&address);
    page.fill("text", "drop me");
    page.click("send");
    assert_eq!(page.outcome(), "1006 \"\" not clean");
}

#[test]
#[ignore = "needs chromium"]
fn what_a_page_may_not_close_with_is_refused_with_the_rule() {
    let (address, seen) = see_the_end();
    let mut page = Page::open_connected(&address);
    let codes = "A page may close with code 1000 or 3000 to 4999.";
    let (fits, too_long) = ("x".repeat(123), "\u{fc}".repeat(62));
    for (code, reason, rule) in [
        ("0", "", codes),
        ("999", "", codes),
        ("1001", "going", codes),
        ("1005", "", codes),
        ("1006", "", codes),
        ("2999", "", codes),
        ("5000", "", codes),
        ("66536", "", codes), // 65536 + 1000
        ("-1000", "", "A close code is a number."),
        ("1e3", "", "A close code is a number."),
        ("", "why", "A reason needs a code."),
        ("1000", too_long.as_str(), "A reason has at most 123 bytes of UTF-8, this has 124."),
    ] {
        page.fill("closecode", code);
        page.fill("closereason", reason);
        assert_eq!(page.text("closerule"), rule, "{code} {reason}"); // already while typing
        page.click("close");
        assert_eq!(page.text("closerule"), rule, "{code} {reason}");
        assert_eq!(page.text("state"), "OPEN", "{code} {reason}");
        assert_eq!(page.eval("document.getElementById('closerule').checkVisibility()"), true);
        // The browser thinks the same of those that are numbers.
        if rule == codes {
            let name = page.eval(&format!(
                "try {{ socket.close({code}); 'accepted' }} catch ({{ name }}) {{ name }}"
            ));
            assert_eq!(name, "InvalidAccessError", "{code}");
        }
    }
    page.fill("closecode", "3000");
    page.fill("closereason", &fits);
    assert_eq!(page.eval("document.getElementById('closerule').checkVisibility()"), false);
    page.click("close");
    assert_eq!(page.outcome(), format!("3000 {fits:?} clean"));
    assert_eq!(seen.recv_timeout(GUARD).unwrap().code(), 3000);
}
