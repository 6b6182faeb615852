//! The options of the command line.

use std::net::SocketAddr;
use std::time::Duration;

use hybi::Uri;
use hybi::handshake::Acceptance;

use crate::arguments::{self, Arguments};
use crate::hosts::Host;
use crate::key::Key;
use crate::tls::Tls;

pub(crate) const USAGE: &str = "\
usage: push [HOST:PORT] [OPTION]...   default: 127.0.0.1:9003
  --timeout SECONDS   of silence until a synchronous client is told \"timed out\", and until `read`
                      gives up (default: 10)
  --session-timeout SECONDS
                      without a message until an asynchronous connection expires, and without use
                      until a session does (default: 900)
  --connections MAX   how many clients may be connected at once (default: 1000)
  --tls CERT KEY      speak TLS, with the certificates and the key in these PEM files
  --public-url URL    under which others reach us, such as that of a proxy before us:
                      https://example.com
  --bus URL           share connections with other servers, on the Redis or Valkey at
                      redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
  --deadline SECONDS  within which the connections of a server on the bus that has died are gone
                      (default: 10)
  --command LINE      instead of being a server, do what this line says at the terminal of one:
                      \"ID TEXT\", \"all TEXT\", \"close ID\", \"list\" or \"read ID [LEN]\"
The variable PUSH_KEY of the environment has the key to the page of all connections (default: a new
one, which is printed).";

pub(crate) struct Options {
    pub(crate) address: String,
    pub(crate) timeout: Duration,
    pub(crate) session_timeout: Duration,
    pub(crate) connections_max: usize,
    pub(crate) tls: Tls,
    public_url: Option<Uri>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) public_pages: Acceptance<'static>,
    /// Permits to see all connections.
    pub(crate) key: Key,
    pub(crate) bus: Option<String>,
    pub(crate) deadline: Duration,
    /// The URL of the bus, and a line that is obeyed there.
    pub(crate) command: Option<(String, String)>,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut timeout, mut session_timeout, mut deadline) =
            (None, None, None, None);
        let (mut connections, mut tls, mut public_url) = (None, None, None);
        let (mut bus, mut command) = (None, None);
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--timeout" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut timeout, option, time)?;
                }
                option @ "--session-timeout" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut session_timeout, option, time)?;
                }
                option @ "--connections" => {
                    let number = arguments::number(option, &arguments.value(option)?, 100_000)?;
                    arguments::set(&mut connections, option, number)?;
                }
                option @ "--tls" => {
                    let value = arguments.two_values(option, Tls::read)?;
                    arguments::set(&mut tls, option, value)?;
                }
                option @ "--public-url" => {
                    let url = arguments::public_url(option, &arguments.value(option)?)?;
                    arguments::set(&mut public_url, option, url)?;
                }
                option @ "--deadline" => {
                    let time = arguments::deadline(option, &arguments.value(option)?)?;
                    arguments::set(&mut deadline, option, time)?;
                }
                option @ "--bus" => {
                    let url = arguments::bus(option, arguments.value(option)?)?;
                    arguments::set(&mut bus, option, url)?;
                }
                option @ "--command" => {
                    arguments::set(&mut command, option, arguments.value(option)?)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let command = match (command, &bus, &address) {
            (None, ..) => None,
            (Some(line), Some(url), None) => Some((url.clone(), line)),
            (Some(_), None, _) => return Err("--command needs --bus URL".into()),
            (Some(_), _, Some(_)) => return Err("--command is no server: no HOST:PORT".into()),
        };
        let address = arguments::address(address, "127.0.0.1:9003")?;
        let mut hosts: Vec<_> =
            Host::parse(arguments::host_and_port(&address)?.0).into_iter().collect();
        let mut origins = Vec::new();
        if let Some(url) = &public_url {
            hosts.extend(Host::parse(url.host()));
            let s = if url.is_secure() { "s" } else { "" };
            origins.push(format!("http{s}://{}", url.authority()));
        }
        let ten_seconds = Duration::from_secs(10);
        Ok(Self {
            address,
            timeout: timeout.unwrap_or(ten_seconds),
            session_timeout: session_timeout.unwrap_or(Duration::from_secs(900)),
            connections_max: connections.unwrap_or(1_000),
            tls: tls.unwrap_or_default(),
            public_url,
            hosts,
            public_pages: Acceptance::from_origins(origins).map_err(|error| error.to_string())?,
            key: Key::from_environment("PUSH_KEY")?,
            bus,
            deadline: deadline.unwrap_or(ten_seconds),
            command,
        })
    }

    /// Returns whether browsers reach us by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        match &self.public_url {
            Some(url) => url.is_secure(),
            None => self.tls.letter() == "s",
        }
    }

    /// Returns the URL of our page, with a slash at the end.
    pub(crate) fn page_url(&self, bound: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => {
                format!("{}/", url.to_string().replacen("ws", "http", 1).trim_end_matches('/'))
            }
            None => {
                let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
                format!("http{}://{host}:{}/", self.tls.letter(), bound.port())
            }
        }
    }
}
