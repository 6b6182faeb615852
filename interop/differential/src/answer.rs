//! What a server answers to a request (RFC 6455 §4.2.2), as plainly as it can be read: the status, and which of the headers that the
//! RFCs demand with it are not there or not right.

use std::fmt;

use crate::heads::{ACCEPT, SUBPROTOCOL};

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub wrong: Vec<&'static str>,
}

impl Answer {
    /// The answer to the request of RFC 6455 §1.2, of which this part is edited. Whoever chooses subprotocols chooses the first;
    /// nobody has extensions. `fault` is what is wrong with the request, by the name in
    /// `crates/hybi-conform/src/handshake/server.txt`.
    pub fn read(bytes: &[u8], edited: &str, fault: &str) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, _) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let headers: Vec<(&str, &str)> = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name, value.trim())))
            .collect::<Option<_>>()?;
        let values = |wanted: &str| -> Vec<&str> {
            let is_it = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case(wanted);
            headers.iter().filter(is_it).map(|(_, value)| *value).collect()
        };
        let lists = |name: &str, wanted: &str| {
            values(name)
                .iter()
                .flat_map(|value| value.split(','))
                .any(|element| element.trim().eq_ignore_ascii_case(wanted))
        };
        let mut wrong = Vec::new();
        let mut demand = |is_right: bool, header| {
            if !is_right {
                wrong.push(header);
            }
        };
        // RFC 6455 §4.2.2; RFC 9110 §15.5.22, §7.8.
        if matches!(status, 101 | 426) {
            demand(lists("Upgrade", "websocket"), "Upgrade");
            demand(lists("Connection", "upgrade"), "Connection");
        }
        if status == 101 {
            let accept = values("Sec-WebSocket-Accept");
            demand(
                accept.len() == 1 && (edited == "key" || accept[0].as_bytes() == ACCEPT),
                "Sec-WebSocket-Accept",
            );
            let subprotocols = values("Sec-WebSocket-Protocol");
            let is_offered =
                edited == "subprotocol" || matches!(subprotocols[..], [] | [SUBPROTOCOL]);
            demand(is_offered, "Sec-WebSocket-Protocol");
            demand(values("Sec-WebSocket-Extensions").is_empty(), "Sec-WebSocket-Extensions");
        }
        // RFC 6455 §4.2.2, §4.4.
        if matches!(fault, "Version" | "VersionMissing") {
            demand(lists("Sec-WebSocket-Version", "13"), "Sec-WebSocket-Version");
        }
        // RFC 9110 §15.5.6.
        if status == 405 {
            demand(lists("Allow", "GET"), "Allow");
        }
        Some(Self { status, wrong })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        match &self.wrong[..] {
            [] => Ok(()),
            wrong => write!(f, " without the right {}", wrong.join(", ")),
        }
    }
}
