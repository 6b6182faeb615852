//! The flipbook of `echo_server`: one stream of pictures, by WebSocket and by polling.

use serde_json::json;

use crate::page::Page;
use crate::server::EchoServer;

fn open(server: &EchoServer) -> Page {
    let mut page = Page::open_connected(&server.address);
    page.go(&format!("http://{}/flipbook", server.address));
    page
}

#[test]
#[ignore = "needs chromium"]
fn the_flipbook_shows_and_counts_the_same_stream_by_websocket_and_by_polling() {
    let server = EchoServer::start();
    let mut page = open(&server);
    page.click("start");
    page.until("run.ws.numbers.length >= 40 && run.http.numbers.length >= 40");
    page.click("stop");
    page.until("document.getElementById('status').textContent === 'Stopped.'");

    // Neither way leaves out a picture, and what both have is the same.
    for way in ["ws", "http"] {
        let numbers = page.eval(&format!("run.{way}.numbers"));
        let numbers: Vec<u64> =
            numbers.as_array().unwrap().iter().map(|it| it.as_u64().unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{way}: {numbers:?}");
    }
    let shared = page.eval("run.ws.numbers.filter((it) => run.http.numbers.includes(it)).length");
    assert!(shared.as_u64().unwrap() > 20, "{shared}");

    // Bytes: a frame has a header of 4 bytes, for its length is above 125. The handshake and each
    // poll have heads, and a poll has less for each picture only if it waits for many.
    let counted = page.eval(
        "(async () => {
            const frames = run.ws.numbers.length * (4 + PICTURE_BYTES);
            const { response, pictures } = await poll(run, '');
            return [run.ws.bytes - frames, pollBytes({ response, pictures }), pictures.byteLength];
        })()",
    );
    let number = |at: usize| counted[at].as_u64().unwrap();
    assert!((300..2000).contains(&number(0)), "the heads of the handshake: {counted}");
    assert!((200..2000).contains(&number(1)), "the heads of a poll: {counted}");
    assert_eq!(number(2), 0, "{counted}");

    // The table shows what was counted.
    let cells = page.eval("[...document.querySelectorAll('#rows tr')].map((it) => it.innerText)");
    let row = |at: usize| cells[at].as_str().unwrap().to_owned();
    let counts = page.eval("[run.ws.numbers.length, run.http.numbers.length, run.http.requests]");
    assert_eq!(row(0), format!("Pictures\t{}\t{}", counts[0], counts[1]));
    assert_eq!(row(1), format!("Requests\t1\t{}", counts[2]));
    assert!(row(4).starts_with("Latency, mean\t") && row(4).ends_with(" ms"), "{}", row(4));
}

/// The page computes as many bytes for a response as Chromium received.
#[test]
#[ignore = "needs chromium"]
fn the_bytes_of_a_poll_are_those_on_the_wire() {
    let server = EchoServer::start();
    let mut page = open(&server);
    let counted = page.eval(
        "(async () => {
            const polled = await poll({ fastest: Infinity }, 'bytes');
            const { headers } = polled.response;
            return [pollBytes(polled), headers.get('request-bytes'), headers.get('clock')];
        })()",
    );
    let (mut request, mut response) = (0, 0);
    while response == 0 {
        let event = page.event("Network.responseReceived");
        if event["response"]["url"].as_str().unwrap().ends_with("?after=bytes") {
            response = event["response"]["encodedDataLength"].as_u64().unwrap();
            request = counted[1].as_str().unwrap().parse().unwrap();
        }
    }
    let left_out = "request-bytes: \r\nclock: \r\n".len()
        + counted[1].as_str().unwrap().len()
        + counted[2].as_str().unwrap().len();
    assert_eq!(counted[0].as_u64().unwrap() + left_out as u64, request + response, "{counted}");
}

#[test]
#[ignore = "needs chromium"]
fn the_flipbook_says_that_its_server_is_gone() {
    let server = EchoServer::start();
    let mut page = open(&server);
    page.click("start");
    page.until("run.ws.numbers.length >= 2 && run.http.numbers.length >= 2");
    drop(server);
    page.until(
        "['The server does not answer.', 'The server has ended the connection.']
            .includes(document.getElementById('status').textContent)",
    );
    page.press("Enter"); // on the button
    page.until("document.getElementById('status').textContent === 'The server does not answer.'");
}

#[test]
#[ignore = "needs chromium and axe"]
fn the_flipbook_suits_every_screen_and_every_visitor() {
    let server = EchoServer::start();
    let mut page = open(&server);
    page.click("start");
    page.until("run.ws.numbers.length >= 20 && run.http.numbers.length >= 20");
    page.click("stop");
    page.look("flipbook");
    let names = page.eval("[...document.querySelectorAll('canvas')].map((it) => it.ariaLabel)");
    assert_eq!(
        names,
        json!([
            "The pictures by WebSocket: a ball on a wave",
            "The pictures by polling: a ball on a wave"
        ])
    );
}
