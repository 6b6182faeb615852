//! The checks of a new process on a handover. If one fails, it ends, and says why.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

fn take_over() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handover"));
    command.arg("--take-over").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn ends_with(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("process ") && said.contains(why), "{said}");
}

#[test]
fn it_ends_if_nobody_hands_over() {
    let output = take_over().stdin(Stdio::null()).output().unwrap();
    ends_with(&output, "only the process to be replaced says --take-over");
}

#[test]
fn it_ends_if_what_comes_is_no_handover() {
    for (bytes, why) in [
        (&b""[..], "unexpected end of file"),
        (b"l", "failed to fill whole buffer"),
        (b"l\0\0\0\x0a\0\x01", "failed to fill whole buffer"),
        (b"Garbage", "0x47 is no record"),
        (b"l\xff\xff\xff\xff", "a record of 4294967295 bytes is too long"),
        (b"e\0\0\0\x08\0\0\0\0\0\0\0\0", "a record End came in place of Listener"),
        (b"l\0\0\0\x0a\0\x01\0\0\0\0\0\0\0\x01", "a record without its descriptor"),
    ] {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let process = take_over().stdin(OwnedFd::from(theirs)).spawn().unwrap();
        let mut hello = [0; 9];
        ours.read_exact(&mut hello).unwrap();
        assert_eq!(&hello, b"h\0\0\0\x04\0\x01\0\x01", "the format 1 to 1");
        ours.write_all(bytes).unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        ends_with(&process.wait_with_output().unwrap(), why);
    }
}
