//! The arguments of the example programs, and what they say about wrong ones.
#![allow(dead_code, reason = "not every program needs all of it")]

use std::io::{self, Write};
use std::iter::Peekable;
use std::net::Ipv6Addr;
use std::process::ExitCode;
use std::time::Duration;
use std::vec;

use hybi::Uri;

/// The exit code of wrong usage.
const WRONG_USAGE: u8 = 2;

/// The arguments that have not been read yet.
pub(crate) struct Arguments(Peekable<vec::IntoIter<String>>);

/// Reads the arguments of this program with `parse`. The error is the exit code with which to end
/// at once: 0 if somebody asked for help, 2 if an argument is wrong.
pub(crate) fn read<T>(
    usage: &str,
    parse: impl FnOnce(&mut Arguments) -> Result<T, String>,
) -> Result<T, ExitCode> {
    // `std::env::args` would panic.
    let arguments = std::env::args_os().skip(1).map(|argument| {
        argument.into_string().map_err(|argument| format!("{argument:?} is not UTF-8"))
    });
    let arguments = match arguments.collect::<Result<Vec<_>, _>>() {
        Ok(arguments) => arguments,
        Err(error) => return Err(complain(&error, usage)),
    };
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        // If it cannot be printed, nobody wants to read it.
        let _ = writeln!(io::stdout(), "{usage}");
        return Err(ExitCode::SUCCESS);
    }
    parse(&mut Arguments(arguments.into_iter().peekable())).map_err(|error| complain(&error, usage))
}

/// Says what is wrong with an argument, and returns the exit code.
pub(crate) fn complain(error: &str, usage: &str) -> ExitCode {
    let first = usage.lines().next().unwrap_or_default();
    let _ = writeln!(io::stderr(), "{error}\n{first}\nFor more, try --help.");
    ExitCode::from(WRONG_USAGE)
}

impl Arguments {
    pub(crate) fn next(&mut self) -> Option<String> {
        self.0.next()
    }

    /// Returns the value of an option: the next argument, unless that is an option itself.
    pub(crate) fn value(&mut self, option: &str) -> Result<String, String> {
        let value = self.0.next_if(|value| !value.starts_with("--"));
        value.ok_or_else(|| format!("{option} needs a value"))
    }

    /// Reads both values of an option, such as the files of `--tls`.
    pub(crate) fn two_values<T>(
        &mut self,
        option: &str,
        read: impl FnOnce(&str, &str) -> Result<T, String>,
    ) -> Result<T, String> {
        let (first, second) = (self.value(option)?, self.value(option)?);
        read(&first, &second).map_err(|error| format!("{option}: {error}"))
    }
}

/// Stores the value of an option that may be given once.
pub(crate) fn set<T>(place: &mut Option<T>, option: &str, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{option} is there twice")),
    }
}

/// Stores an argument that is no option. `what` says in an error what it is.
pub(crate) fn set_unnamed(
    place: &mut Option<String>,
    what: &str,
    argument: String,
) -> Result<(), String> {
    match place {
        _ if argument.starts_with('-') => Err(format!("there is no option {argument}")),
        Some(first) => Err(format!("{first} and {argument}: only one {what}, please")),
        None => {
            *place = Some(argument);
            Ok(())
        }
    }
}

/// Splits `HOST:PORT`. The host may be an IPv6 address in brackets.
pub(crate) fn host_and_port(text: &str) -> Result<(&str, u16), String> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match inner {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '[', ']', '/', ' ']),
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_host && is_port => Ok((host, port)),
        _ => Err(format!(
            "{text:?} is not HOST:PORT, such as 127.0.0.1:9001, localhost:9001 or [::1]:9001"
        )),
    }
}

/// Checks the address that a server shall listen at.
pub(crate) fn address(given: Option<String>, default: &str) -> Result<String, String> {
    let address = given.unwrap_or_else(|| default.into());
    host_and_port(&address)?;
    Ok(address)
}

/// Parses a number from 1 to `most`.
pub(crate) fn number<T: TryFrom<u64>>(option: &str, text: &str, most: u64) -> Result<T, String> {
    let wrong = || format!("{option} {text}: a number from 1 to {most}, please");
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(wrong)
}

/// Parses the URL of a server's page, and returns that of a WebSocket there.
pub(crate) fn public_url(option: &str, text: &str) -> Result<Uri, String> {
    let wrong = || format!("{option}: {text:?} is not http://HOST or https://HOST");
    let rest = text.strip_prefix("http").ok_or_else(wrong)?;
    let uri = Uri::parse(&format!("ws{rest}")).map_err(|error| format!("{}: {error}", wrong()))?;
    match text.contains(['?', '@']) {
        true => Err(wrong()),
        false => Ok(uri),
    }
}

/// Parses a time in seconds.
pub(crate) fn seconds(option: &str, text: &str) -> Result<Duration, String> {
    let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.ok_or_else(|| format!("{option}: {text:?} is not a number of seconds, such as 10 or 0.5"))
}

/// Checks the URL of a bus as far as a typing error would go.
pub(crate) fn bus(option: &str, url: String) -> Result<String, String> {
    match url.strip_prefix("redis://") {
        Some(rest) if !rest.is_empty() => Ok(url),
        _ => Err(format!("{option}: not redis://HOST, such as redis://127.0.0.1:6379")),
    }
}

/// Parses the deadline of a bus.
pub(crate) fn deadline(option: &str, text: &str) -> Result<Duration, String> {
    let time = seconds(option, text)?;
    match (Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&time) {
        true => Ok(time),
        false => Err(format!("{option}: from 1 to 3600 s")),
    }
}

/// Parses a time in seconds that is not zero.
pub(crate) fn seconds_above_zero(option: &str, text: &str) -> Result<Duration, String> {
    match seconds(option, text)? {
        Duration::ZERO => Err(format!("{option}: it must be longer than {text} s")),
        time => Ok(time),
    }
}
