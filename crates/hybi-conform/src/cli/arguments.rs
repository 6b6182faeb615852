//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hybi_conform::{Group, Role};

use crate::address::Address;

const EXIT: &str = "Exit status: 0 if all is as expected, 1 if a case has failed, has not run, or \
                    differs from the baseline, 2 if the command line is wrong, the cases could \
                    not be run, or the results could not be written.";

/// Tests any WebSocket (RFC 6455) server or client
#[derive(Debug, Parser)]
#[command(name = "hybi-conform", version, after_help = EXIT)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tests a server that sends every message back
    Server(ServerOptions),
    /// Tests a client that connects case after case, as to Autobahn's fuzzing server
    Client(ClientOptions),
    /// Tests a program over its standard input and output, for protocols without sockets
    Exec(ExecOptions),
    /// Lists the cases
    List(ListOptions),
    /// Compares reports: of several implementations, or of one before and after a change
    Compare(CompareOptions),
}

#[derive(Debug, Args)]
#[command(after_help = EXIT)]
pub(crate) struct ServerOptions {
    /// The server, such as ws://127.0.0.1:9001/echo or wss://...
    pub(crate) url: Address,

    #[command(flatten)]
    pub(crate) choice: Choice,

    #[command(flatten)]
    pub(crate) manner: Manner,

    /// The name of the server in the results [default: its URI]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) agent: Option<String>,

    /// Also floods, bombs and peers that wait: only against a server of your own
    #[arg(long)]
    pub(crate) hostile: bool,

    /// How many cases run at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub(crate) jobs: u16,

    /// Waits for the server to come up, at most so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,

    /// Trusts any certificate
    #[arg(long, conflicts_with = "ca")]
    pub(crate) insecure: bool,

    /// Trusts the certificates in this file (PEM) instead of those that the system trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Sends this Origin with every request
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) origin: Option<String>,

    /// Adds a field to every request, such as "Authorization: Bearer x"; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = field)]
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT)]
pub(crate) struct ClientOptions {
    /// Where to wait for the client
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9001")]
    pub(crate) listen: SocketAddr,

    /// Speaks TLS, with the certificates in this file (PEM): that for the server first
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) choice: Choice,

    #[command(flatten)]
    pub(crate) manner: Manner,

    /// Ends when no client has asked for anything for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) idle: Duration,

    /// Goes on after a client has asked for its report, until /stopServer is asked for
    #[arg(long)]
    pub(crate) keep_running: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT)]
pub(crate) struct ExecOptions {
    #[command(flatten)]
    pub(crate) choice: Choice,

    #[command(flatten)]
    pub(crate) manner: Manner,

    /// Tests only this role [default: both, one after the other]
    #[arg(long, value_enum)]
    pub(crate) role: Option<RoleName>,

    /// The program and its arguments, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub(crate) choice: Choice,

    /// Lists only what tests this role
    #[arg(long, value_enum)]
    pub(crate) role: Option<RoleName>,

    /// Also tells what is sent and what is expected
    #[arg(long)]
    pub(crate) details: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareOptions {
    /// The directories given to --report, or with the reports of the Autobahn testsuite
    #[arg(value_name = "DIR", required = true)]
    pub(crate) reports: Vec<PathBuf>,

    /// Compares the strict reading, which Autobahn does not have
    #[arg(long)]
    pub(crate) strict: bool,

    /// Also writes the comparison to this file in Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Also writes the comparison to this file in HTML
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// The choice of cases.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// The cases to run, by id, such as 6.4.1; "6.4.*" is every id that begins so [default: those
    /// of the groups]
    #[arg(value_name = "CASE")]
    pub(crate) ids: Vec<String>,

    /// Leaves out the cases with this id, or that begin so; may be given several times
    #[arg(long, value_name = "CASE")]
    pub(crate) except: Vec<String>,

    /// Only cases of this group; may be given several times [default: list: all; server: all
    /// but http2, and hostile only with --hostile; client and exec: autobahn and framing, because
    /// many clients stop when a handshake fails]
    #[arg(long, value_name = "GROUP", value_parser = group)]
    pub(crate) only: Vec<Group>,

    /// Messages in their full size: up to 16 MiB, and thousands of them
    #[arg(long)]
    pub(crate) full: bool,
}

/// The way the cases run, and where the results go.
#[derive(Debug, Args)]
pub(crate) struct Manner {
    /// How long to wait for something that must come, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Splits the output at random places, chosen with this number, not as the cases ask for
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// Also fails what is FAILED or NON-STRICT in the strict reading
    #[arg(long)]
    pub(crate) strict: bool,

    /// Writes a report to this directory: HTML, JSON as Autobahn does, JUnit XML and Markdown
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,

    /// Fails only what differs from the verdicts in this file: lines such as "6.4.1 NON-STRICT"
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Writes the cases that fail to a file for --baseline, and takes them as expected
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleName {
    Server,
    Client,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Server => Self::Server,
            RoleName::Client => Self::Client,
        }
    }
}

fn group(text: &str) -> Result<Group, String> {
    let known = Group::ALL.iter().copied().find(|group| group.name() == text);
    let names = || Group::ALL.iter().map(|group| group.name()).collect::<Vec<_>>().join(", ");
    known.ok_or_else(|| format!("the groups are: {}", names()))
}

fn name(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains(char::is_control) {
        true => Err("a name has characters, and no control characters".into()),
        false => Ok(text.to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let is_sensible = |time: &Duration| (1..=3_600_000).contains(&time.as_millis());
    seconds.filter(is_sensible).ok_or_else(|| "from 0.001 to 3600 seconds".into())
}

/// Reads an origin (RFC 6454 §6.1): a scheme, a host and perhaps a port, or `null`.
fn origin(text: &str) -> Result<String, String> {
    let is_token = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic());
    let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
        let is_scheme = scheme.starts_with(|char: char| char.is_ascii_alphabetic());
        is_scheme && !host.is_empty() && is_token(text) && !host.contains(['/', '?', '#', '@'])
    });
    match is_origin || text == "null" {
        true => Ok(text.to_owned()),
        false => Err("an origin is a scheme, a host and perhaps a port, such as \
                      https://example.com, or null"
            .into()),
    }
}

fn field(text: &str) -> Result<(String, String), String> {
    let field = text.split_once(':').filter(|(name, _)| !name.is_empty());
    let (name, value) = field.ok_or("a field has a name, a colon and a value")?;
    if text.contains(['\r', '\n']) {
        return Err("a field is one line".into());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}
