//! The checks of a new process on a handover. If one fails, it ends, and says why.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Output, Stdio};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::service::PATIENCE;

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
        (b"l", "a record is cut short"),
        (b"l\0\0\0\x0a\0\x01", "a record is cut short"),
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

/// The test, in the place of the old process, and a new process that has taken over.
struct Old {
    channel: UnixStream,
    listener: TcpListener,
    process: Child,
}

impl Old {
    /// Hands over a listener, and nothing else.
    fn replaced() -> Self {
        let (channel, theirs) = UnixStream::pair().unwrap();
        channel.set_read_timeout(Some(PATIENCE)).unwrap();
        let process = take_over().stdin(OwnedFd::from(theirs)).spawn().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let old = Self { channel, listener, process };
        old.hear(b"h\0\0\0\x04\0\x01\0\x01");
        old.say(b'l', b"\0\x01\0\0\0\0\0\0\0\x01", Some(&old.listener));
        old.say(b'e', &[0; 8], None::<&TcpStream>);
        old.hear(b"r\0\0\0\0");
        old.say(b'g', b"", None::<&TcpStream>);
        old.hear(b"s\0\0\0\0");
        old
    }

    #[track_caller]
    fn hear(&self, record: &[u8]) {
        let mut bytes = vec![0; record.len()];
        (&self.channel).read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, record);
    }

    fn say(&self, kind: u8, payload: &[u8], descriptor: Option<&impl AsFd>) {
        let header = [&[kind][..], &(payload.len() as u32).to_be_bytes()].concat();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<_> = descriptor.iter().map(|it| it.as_fd()).collect();
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        }
        let slices = [IoSlice::new(&header), IoSlice::new(payload)];
        let sent = sendmsg(&self.channel, &slices, &mut ancillary, SendFlags::NOSIGNAL).unwrap();
        assert_eq!(sent, header.len() + payload.len());
    }

    /// A connection between a client and us, which a server could have accepted.
    fn accept() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        (client, accepted)
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// For instance because it is beyond the limits of the new program.
#[test]
fn a_connection_that_follows_and_is_refused_harms_no_other() {
    let old = Old::replaced();
    let (mut refused, accepted) = Old::accept();
    old.say(b'c', b"\0\0\0\0\0\0\0\x01\x01nonsense", Some(&accepted));
    drop(accepted);
    assert_eq!(refused.read(&mut [0; 1]).unwrap(), 0);
    let (mut client, accepted) = Old::accept();
    // In its opening handshake.
    old.say(b'c', b"\0\0\0\0\0\0\0\x02\0GET / HTT", Some(&accepted));
    drop(accepted);
    client.write_all(b"P/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = [0; 9];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 ");
}

/// It would not read what follows, so nobody would have those connections.
#[test]
fn it_closes_the_channel_after_garbage() {
    let mut old = Old::replaced();
    old.channel.write_all(b"Garbage").unwrap();
    // Some of it is left unread.
    let error = old.channel.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // It serves on.
    let mut client = TcpStream::connect(old.listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 9]).unwrap();
}
