//! The options of the program.

use std::env;
use std::io::{self, IsTerminal};
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybi::blocking::HttpProxy;
#[cfg(feature = "rustls")]
use hybi::blocking::rustls::ClientConfig;
use hybi::frame::CloseReason;
use hybi::handshake::{ClientHandshake, ClientRequest};
use hybi::{CloseCode, Config, Limits, Outbox, Uri};

use crate::arguments::{self, Arguments};
use crate::commands::{self, Command, ScriptLine};
use crate::tls::Tls;

pub(crate) const USAGE: &str = "\
usage: client URI [OPTION]...         such as ws://127.0.0.1:9001/
What to send:
  --send LINE                 first send a line, or obey a command; may be repeated. The commands
                              are those of the terminal: /ping TEXT, /hex 00 ff, /file PATH, ...
  --script FILE               play a conversation instead of reading the input: \"> LINE\" sends as
                              --send does, \"< LINE\" waits for what the screen shows like that,
                              \"closed: CODE ...\" for such an end, \"#\" begins a comment
  --binary                    send the input as it comes, in binary messages of at most 64 KiB, and
                              write the bytes of messages without line ends
What to print:
  --raw                       print messages as they are, for other programs; without it, what a
                              terminal would obey is escaped
  --max MEGABYTES             accept messages of at most so many million bytes; default 100
When to end:
  --count N                   after N messages have come; the end of the input does not end it
  --wait SECONDS              how long --script waits for each line, and --count for each message;
                              default 30, but --count waits for ever if a person types
  --keep-open                 go on after the end of the input
  --close CODE REASON         close with this code (1000, 3000-4999, ...) and reason
How to connect:
  --subprotocol NAME          offer a subprotocol; may be repeated
  --field 'NAME: VALUE'       add a field to the request; may be repeated
  --origin ORIGIN             such as https://example.com
  --user NAME:PASSWORD        for the server, by HTTP's scheme Basic; NAME alone takes the password
                              from the variable PASSWORD, which other users cannot see
  --proxy HOST:PORT           go through an HTTP proxy
  --proxy-user NAME:PASSWORD  for the proxy; the variable is PROXY_PASSWORD
  --trust CERT                trust the certificates in this PEM file instead of the system's
  --insecure                  trust any certificate: anybody in between can read and change it all
  --identity CHAIN KEY        show a certificate of your own, in these PEM files
  --timeout SECONDS           for connecting; default 30
  --keepalive SECONDS         ping a server that is silent for so long, and give it up 20 s later;
                              default 30, 0 is never
From a pipe, lines are sent as text messages, whatever they begin with. At a terminal, /help lists
commands. Ctrl-D closes the connection with 1000, Ctrl-C with 1001; a second Ctrl-C does not wait
for the server.";

/// The default of `--wait`.
const WAIT: Duration = Duration::from_secs(30);

pub(crate) struct Options {
    uri: Uri,
    pub(crate) send: Vec<Command>,
    pub(crate) script: Option<Vec<ScriptLine>>,
    pub(crate) binary: bool,
    pub(crate) raw: bool,
    message_bytes_max: u64,
    pub(crate) count: Option<u64>,
    pub(crate) keep_open: bool,
    close: Option<CloseReason<'static>>,
    subprotocols: Vec<String>,
    fields: Vec<(String, String)>,
    origin: Option<String>,
    pub(crate) proxy: Option<HttpProxy>,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) timeout: Duration,
    wait: Option<Duration>,
    pub(crate) keepalive: Duration,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Arguments) -> Result<Self, String> {
        let (mut uri, mut close, mut origin, mut user) = (None, None, None, None);
        let (mut proxy, mut proxy_user, mut script) = (None, None, None);
        let (mut timeout, mut wait, mut keepalive) = (None, None, None);
        let (mut count, mut max) = (None, None);
        let (mut binary, mut raw, mut keep_open, mut tls) = (false, false, false, Tls::default());
        let (mut send, mut subprotocols, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(argument) = arguments.next() {
            let option = &*argument;
            match option {
                "--send" => {
                    let command = Command::parse(&arguments.value(option)?);
                    send.push(command.map_err(|error| format!("{option}: {error}"))?);
                }
                "--script" => {
                    let lines = commands::read_script(&arguments.value(option)?)?;
                    arguments::set(&mut script, option, lines)?;
                }
                "--binary" => binary = true,
                "--raw" => raw = true,
                "--max" => {
                    let megabytes = number(option, &arguments.value(option)?)?;
                    arguments::set(&mut max, option, megabytes.saturating_mul(1_000_000))?;
                }
                "--count" => {
                    let messages = number(option, &arguments.value(option)?)?;
                    arguments::set(&mut count, option, messages)?;
                }
                "--keep-open" => keep_open = true,
                "--close" => {
                    // A reason may look like an option.
                    let (Some(code), Some(reason)) = (arguments.next(), arguments.next()) else {
                        return Err("--close needs a code and a reason, which may be ''".into());
                    };
                    arguments::set(&mut close, option, commands::close_reason(&code, &reason)?)?;
                }
                "--subprotocol" => subprotocols.push(arguments.value(option)?),
                "--field" => {
                    let field = arguments.value(option)?;
                    let (name, value) = field.split_once(':').ok_or("a field is 'NAME: VALUE'")?;
                    fields.push((name.trim().into(), value.trim().into()));
                }
                "--origin" => arguments::set(&mut origin, option, arguments.value(option)?)?,
                "--user" => {
                    let user_and_password =
                        credentials(option, &arguments.value(option)?, "PASSWORD")?;
                    arguments::set(&mut user, option, user_and_password)?;
                }
                "--proxy" => {
                    let value = arguments.value(option)?;
                    let (host, port) = arguments::host_and_port(&value)?;
                    if port == 0 {
                        return Err("a proxy's port is not 0".into());
                    }
                    arguments::set(&mut proxy, option, HttpProxy::new(host, port))?;
                }
                "--proxy-user" => {
                    let user_and_password =
                        credentials(option, &arguments.value(option)?, "PROXY_PASSWORD")?;
                    arguments::set(&mut proxy_user, option, user_and_password)?;
                }
                "--trust" => tls.trust(&arguments.value(option)?)?,
                "--insecure" => tls.trust_anybody()?,
                "--identity" => {
                    let (chain, key) = (arguments.value(option)?, arguments.value(option)?);
                    tls.identify(&chain, &key)?;
                }
                "--timeout" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut timeout, option, time)?;
                }
                "--wait" => {
                    let time = arguments::seconds_above_zero(option, &arguments.value(option)?)?;
                    arguments::set(&mut wait, option, time)?;
                }
                "--keepalive" => {
                    let time = arguments::seconds(option, &arguments.value(option)?)?;
                    arguments::set(&mut keepalive, option, time)?;
                }
                _ => arguments::set_unnamed(&mut uri, "URI", argument)?,
            }
        }
        if binary && script.is_some() {
            return Err("--script has lines, and --binary reads none: one of them, please".into());
        }
        if let Some((name, password)) = user {
            // RFC 7617 §2
            let basic = STANDARD.encode(format!("{name}:{password}"));
            fields.push(("Authorization".into(), format!("Basic {basic}")));
        }
        let proxy = match (proxy, proxy_user) {
            (Some(proxy), Some((name, password))) => Some(proxy.credentials(name, password)),
            (None, Some(_)) => return Err("--proxy-user is for a --proxy".into()),
            (proxy, None) => proxy,
        };
        let uri = uri.ok_or("no URI")?;
        let options = Self {
            uri: Uri::parse_lenient(&uri).map_err(|error| error.to_string())?,
            send,
            script,
            binary,
            raw,
            message_bytes_max: max.unwrap_or(100_000_000),
            count,
            keep_open,
            close,
            subprotocols,
            fields,
            origin,
            proxy,
            #[cfg(feature = "rustls")]
            tls: tls.config()?,
            timeout: timeout.unwrap_or(Duration::from_secs(30)),
            wait,
            keepalive: keepalive.unwrap_or(Duration::from_secs(30)),
        };
        if options.uri.is_secure() && cfg!(not(feature = "rustls")) {
            return Err("wss: needs TLS: cargo run --features rustls".into());
        }
        // Finds faults of subprotocols, fields and the origin, before anything is connected.
        ClientHandshake::new(&options.request(), &mut Outbox::new())
            .map_err(|error| error.to_string())?;
        Ok(options)
    }

    pub(crate) fn request(&self) -> ClientRequest<'_> {
        let max = self.message_bytes_max;
        let limits = Limits::default().frame_bytes_max(max).message_bytes_max(max);
        let config = Config::default().limits(limits);
        #[cfg(feature = "deflate")]
        let config = {
            use hybi::extension::deflate::DeflateConfig;
            config.deflate(DeflateConfig::default().inflated_bytes_max(max))
        };
        let mut request =
            ClientRequest::new(&self.uri).config(config).origin(self.origin.as_deref());
        for subprotocol in &self.subprotocols {
            request = request.subprotocol(subprotocol);
        }
        for (name, value) in &self.fields {
            request = request.field(name, value);
        }
        request
    }

    /// Returns the Close frame of `--close`, otherwise one with this code.
    pub(crate) fn leaving(&self, otherwise: CloseCode) -> CloseReason<'static> {
        self.close.clone().unwrap_or_else(|| close_reason(otherwise))
    }

    /// Returns whether the end of a piped input or a script closes the connection.
    pub(crate) fn ends_with_input(&self) -> bool {
        self.count.is_none() && !self.keep_open
    }

    /// Returns how long a script waits for each line.
    pub(crate) fn wait(&self) -> Duration {
        self.wait.unwrap_or(WAIT)
    }

    /// Returns how long `--count` waits for each message. A person may take any time to type.
    pub(crate) fn wait_for_message(&self) -> Option<Duration> {
        let default = if io::stdin().is_terminal() { None } else { Some(WAIT) };
        self.wait.or(default)
    }

    /// Returns whether a script says how the connection ends.
    pub(crate) fn expects_end(&self) -> bool {
        self.script.as_ref().and_then(|lines| lines.last()).is_some_and(ScriptLine::is_end)
    }

    /// Returns whether a person types, at a terminal that shows what comes, too.
    pub(crate) fn may_edit(&self) -> bool {
        let at_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        at_terminal && !self.binary && self.script.is_none()
    }
}

pub(crate) fn close_reason(code: CloseCode) -> CloseReason<'static> {
    CloseReason { code, reason: "".into() }
}

/// Parses a number from 1.
fn number(option: &str, text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{option}: {text:?} is not a number from 1"))
}

/// Splits NAME:PASSWORD. The password may be in an environment variable instead.
fn credentials(option: &str, text: &str, variable: &str) -> Result<(String, String), String> {
    if let Some((name, password)) = text.split_once(':') {
        return Ok((name.into(), password.into()));
    }
    let password = env::var(variable)
        .map_err(|_| format!("{option} needs NAME:PASSWORD, or a password in {variable}"))?;
    Ok((text.into(), password))
}
