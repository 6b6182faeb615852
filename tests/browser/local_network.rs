//! Local Network Access: whether a page of a public server may reach one on the user's machine
//! (docs/guide.md, "Servers on the user's own machine").

use std::sync::mpsc;

use hybi::handshake::Acceptance;
use serde_json::json;

use crate::devtools::GUARD;
use crate::page::Page;
use crate::server::{serve, serve_requests};

/// Connects, and says how that ended: `open` or the close code.
const CONNECT: &str = "new Promise(done => {
    const socket = new WebSocket('ws://ADDRESS/');
    socket.onopen = () => { socket.close(); done('open'); };
    socket.onclose = event => done(String(event.code));
})";

#[test]
#[ignore = "needs chromium"]
fn a_public_page_needs_a_permission_to_reach_this_machine() {
    let (requests, seen) = mpsc::channel();
    let local = serve_requests(move |pending| {
        let origin = String::from_utf8(pending.request().origin().unwrap().to_vec()).unwrap();
        requests.send(origin).unwrap();
        let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
        while ws.receive().unwrap().is_some() {}
    });
    let public = serve(|mut ws| while ws.receive().unwrap().is_some() {});
    let page_is_public = format!("--ip-address-space-overrides={public}=public");
    let mut page = Page::open_with(&public, &[&page_is_public]);
    page.until_state(1); // to where it came from it may connect
    let connect = CONNECT.replace("ADDRESS", &local);
    let fetch = format!(
        "fetch('http://{local}/', {{ mode: 'no-cors' }}).then(() => 'answer', () => 'no answer')"
    );

    // A browser without a window asks nobody, and refuses. The server never sees a request.
    assert_eq!(page.eval(&connect), "1006");
    assert_eq!(page.eval(&fetch), "no answer");
    page.call(
        "Browser.setPermission",
        json!({
            "permission": { "name": "loopback-network" },
            "setting": "granted",
            "origin": format!("http://{public}"),
        }),
    );
    assert_eq!(page.eval(&fetch), "answer");
    assert_eq!(page.eval(&connect), "open");
    // The permission is the user's. Whether this page may connect is still the server's decision.
    assert_eq!(seen.recv_timeout(GUARD).unwrap(), format!("http://{public}"));
    assert!(seen.try_recv().is_err(), "it was the first request");
}

/// Not even the visitor can permit it, because anybody in between could have written the page.
#[test]
#[ignore = "needs chromium"]
fn a_public_page_without_tls_cannot_have_the_permission() {
    let local = serve(|mut ws| while ws.receive().unwrap().is_some() {});
    let public = serve(|mut ws| while ws.receive().unwrap().is_some() {});
    let page_is_public = format!("--ip-address-space-overrides={public}=public");
    let name = public.replace("127.0.0.1", "public.example");
    let name_is_ours = "--host-resolver-rules=MAP public.example 127.0.0.1";
    let mut page = Page::open_with(&name, &[&page_is_public, name_is_ours]);
    page.until_state(1);
    assert_eq!(page.eval("isSecureContext"), false);
    let state = "navigator.permissions.query({ name: 'loopback-network' }).then(it => it.state)";
    assert_eq!(page.eval(state), "denied");
    assert_eq!(page.eval(&CONNECT.replace("ADDRESS", &local)), "1006");
}
