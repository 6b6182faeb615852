//! The options: what may be said on the command line, and the rules that come of it.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use hybi::handshake::{Acceptance, Rejection, Request};
use hybi::{Config, Limits};

use crate::arguments::{self, Arguments};
use crate::dialect::Dialect;
use crate::hosts::Host;
use crate::tls::Tls;

pub(crate) const USAGE: &str = "\
usage: chat [HOST:PORT] [OPTION]...   default: 127.0.0.1:9002
  --tls CERT KEY         speak TLS, with the certificates and the key in these PEM files
  --path PATH            the path of the WebSocket (default: /chat); other paths are refused
  --iris PATH            another path, for clients of the chat tutorial of InterSystems IRIS, whose
                         JSON they speak there, such as /csp/user/Chat.Server.cls
  --host NAME            allow requests for this host, beside the address that we listen at, such
                         as the name of a proxy before us; may be repeated
  --origin ORIGIN        allow web pages of this origin instead of our own; may be repeated
  --forbid RULE          refuse an IP address, or paths that begin with /...; may be repeated
  --connections MAX      how many users there may be at once (default: 1000)
  --history NUMBER       how many messages are kept for those who come late (default: 50; at most
                         500). On a bus, give it to all servers
  --keepalive PING,PONG  seconds of silence until a client is pinged (0: never), and then until it
                         is dropped (default: 30,20)
  --patience SECONDS     how long a client may take to receive a message (default: 5)
  --timeout SECONDS      at the end, how long to wait for the clients' Close frames (default: 10,
                         which is also the most)
  --bus URL              be one of several servers that are one chat, on the Redis or Valkey at
                         redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
  --deadline SECONDS     within which the users of a server on the bus that has died are gone
                         (default: 10)
A line has at most 1000 characters and a name 30: the sender of a longer one is told. A message of
more than 64 KiB closes the connection with 1009, and a binary one with 1003.";

/// Enough for a line that is too long by mistake. A longer message closes the connection with 1009.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// All that are kept are queued for each newcomer.
const HISTORY_MAX: usize = 500;

/// Who may connect to the WebSocket. [`Acceptance`] checks the origin, and
/// [`Hosts`](crate::hosts::Hosts) the host; everything else is here.
#[derive(Default)]
pub(crate) struct Rules {
    pub(crate) path: String,
    /// The path at which the JSON of the tutorial of IRIS is spoken.
    iris: Option<String>,
    forbidden_paths: Vec<String>,
    forbidden_addresses: Vec<IpAddr>,
}

impl Rules {
    /// Adds a value of `--forbid`.
    fn forbid(&mut self, rule: String) -> Result<(), String> {
        if rule.starts_with('/') {
            self.forbidden_paths.push(rule);
        } else {
            let address: IpAddr = rule.parse().map_err(|_| {
                format!("{rule:?} is neither an IP address nor the beginning of a path")
            })?;
            self.forbidden_addresses.push(address.to_canonical());
        }
        Ok(())
    }

    /// Decides about a request, as `onConnection` does in 4D. Returns the dialect at its path, or a
    /// response that refuses it.
    pub(crate) fn on_connection(
        &self,
        request: &Request<'_>,
        address: IpAddr,
    ) -> Result<Dialect, Rejection<'static>> {
        let refuse = |status, why| Err(Rejection::new(status).body("text/plain", why));
        let path = request.path();
        if self.forbidden_addresses.contains(&address) {
            refuse(403, "Not from your address.\n")
        } else if self.forbidden_paths.iter().any(|prefix| path.starts_with(&**prefix)) {
            refuse(403, "That path is forbidden.\n")
        } else if path == self.path {
            Ok(Dialect::Own)
        } else if self.iris.as_deref() == Some(path) {
            Ok(Dialect::Iris)
        } else {
            refuse(404, "There is no chat at that path.\n")
        }
    }
}

pub(crate) struct Options {
    pub(crate) address: String,
    pub(crate) tls: Tls,
    pub(crate) hosts: Vec<Host>,
    pub(crate) acceptance: Acceptance<'static>,
    pub(crate) rules: Rules,
    pub(crate) connections_max: usize,
    pub(crate) history_max: usize,
    pub(crate) keepalive: (Duration, Duration),
    pub(crate) patience: Duration,
    pub(crate) timeout: Duration,
    pub(crate) bus: Option<String>,
    pub(crate) deadline: Duration,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut address, mut tls, mut path, mut iris) = (None, None, None, None);
        let (mut connections, mut history, mut keepalive) = (None, None, None);
        let (mut patience, mut timeout, mut bus, mut deadline) = (None, None, None, None);
        let (mut hosts, mut origins) = (Vec::new(), Vec::new());
        let mut rules = Rules::default();
        while let Some(argument) = arguments.next() {
            match &*argument {
                option @ "--tls" => {
                    let value = arguments.two_values(option, Tls::read)?;
                    arguments::set(&mut tls, option, value)?;
                }
                option @ ("--path" | "--iris") => {
                    let place = if option == "--path" { &mut path } else { &mut iris };
                    let value = plain_path(option, arguments.value(option)?)?;
                    arguments::set(place, option, value)?;
                }
                option @ "--host" => {
                    let value = arguments.value(option)?;
                    let no_host = || format!("{value:?} is no host, such as chat.example");
                    hosts.push(Host::parse(&value).ok_or_else(no_host)?);
                }
                option @ "--origin" => origins.push(arguments.value(option)?),
                option @ "--forbid" => rules.forbid(arguments.value(option)?)?,
                option @ "--connections" => {
                    let number = number(option, &arguments.value(option)?, 1..=100_000)?;
                    arguments::set(&mut connections, option, number)?;
                }
                option @ "--history" => {
                    let number = number(option, &arguments.value(option)?, 0..=HISTORY_MAX)?;
                    arguments::set(&mut history, option, number)?;
                }
                option @ "--keepalive" => {
                    let value = arguments.value(option)?;
                    let (ping, pong) = value.split_once(',').ok_or("--keepalive PING,PONG")?;
                    let ping = arguments::seconds(option, ping)?;
                    let pong = arguments::seconds_above_zero(option, pong)?;
                    arguments::set(&mut keepalive, option, (ping, pong))?;
                }
                option @ "--patience" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut patience, option, time)?;
                }
                option @ "--timeout" => {
                    let time = arguments::seconds(option, &arguments.value(option)?)?;
                    arguments::set(&mut timeout, option, time)?;
                }
                option @ "--bus" => {
                    let url = arguments::bus(option, arguments.value(option)?)?;
                    arguments::set(&mut bus, option, url)?;
                }
                option @ "--deadline" => {
                    let time = arguments::deadline(option, &arguments.value(option)?)?;
                    arguments::set(&mut deadline, option, time)?;
                }
                _ => arguments::set_unnamed(&mut address, "address", argument)?,
            }
        }
        let address = arguments::address(address, "127.0.0.1:9002")?;
        hosts.extend(Host::parse(arguments::host_and_port(&address)?.0));
        rules.path = path.unwrap_or_else(|| "/chat".into());
        if iris.as_ref() == Some(&rules.path) {
            return Err(format!("--iris: {} is the path of our own page", rules.path));
        }
        rules.iris = iris;
        let acceptance = match &*origins {
            [] => Acceptance::from_same_origin(),
            origins => Acceptance::from_origins(origins).map_err(|error| error.to_string())?,
        };
        let limits = Limits::default().message_bytes_max(MESSAGE_BYTES_MAX);
        Ok(Self {
            address,
            tls: tls.unwrap_or_default(),
            hosts,
            acceptance: acceptance.config(Config::default().limits(limits)),
            rules,
            connections_max: connections.unwrap_or(1_000),
            history_max: history.unwrap_or(50),
            keepalive: keepalive.unwrap_or((Duration::from_secs(30), Duration::from_secs(20))),
            patience: patience.unwrap_or(Duration::from_secs(5)),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            bus,
            deadline: deadline.unwrap_or(Duration::from_secs(10)),
        })
    }
}

/// Checks a path, which may be written into the page.
fn plain_path(option: &str, path: String) -> Result<String, String> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/-_.".contains(char);
    match path.starts_with('/') && path.chars().all(is_plain) {
        true => Ok(path),
        false => Err(format!("{option}: '/', and then ASCII letters, digits, /-_.")),
    }
}

fn number(option: &str, text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!("{option} {text}: a number from {} to {}, please", range.start(), range.end())
    })
}
