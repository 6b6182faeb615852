//! The client as a program.

use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

use hybi::blocking;
use hybi::handshake::Acceptance;

fn peer() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hybi-autobahn-peer"))
}

#[test]
fn exit_codes() {
    assert_eq!(peer().status().unwrap().code(), Some(2));
    for adapter in ["blocking", "tokio"] {
        assert_eq!(peer().args([adapter, "ws://127.0.0.1:1"]).status().unwrap().code(), Some(1));
    }
}

/// A fuzzing server in little: three addresses, two cases.
#[test]
fn it_runs_all_cases_with_either_adapter() {
    for (adapter, agent) in [("blocking", "hybi"), ("tokio", "hybi-tokio")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut asked = Vec::new();
            for _ in 0..4 {
                let pending = blocking::receive_request(listener.accept().unwrap().0).unwrap();
                let target = pending.request().target().to_owned();
                let mut ws = pending.accept(&Acceptance::from_any_origin()).unwrap();
                if target == "/getCaseCount" {
                    ws.send("2").unwrap();
                } else if target.starts_with("/runCase") {
                    ws.send(b"echo me").unwrap();
                    assert_eq!(ws.receive().unwrap(), Some(b"echo me"[..].into()));
                }
                assert!(ws.terminate(Duration::from_secs(60)).was_clean());
                asked.push(target);
            }
            asked
        });
        let output = peer().args([adapter, &url]).output().unwrap();
        assert!(output.status.success());
        let asked = server.join().unwrap();
        assert_eq!(
            asked,
            [
                "/getCaseCount".to_owned(),
                format!("/runCase?case=1&agent={agent}"),
                format!("/runCase?case=2&agent={agent}"),
                format!("/updateReports?agent={agent}")
            ]
        );
    }
}
