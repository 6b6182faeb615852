//! The negotiation of permessage-deflate (RFC 7692 §5, §7.1), as functions from offers to
//! agreements.

use core::fmt::{self, Write};

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::DeflateConfig;
use super::config::Wishes;
use crate::export::{Body, ImportError};
use crate::extension::Offer;

/// The name under which the extension is registered (RFC 7692 §9.1).
pub const NAME: &str = "permessage-deflate";

/// The windows that can be negotiated, as logarithms of their bytes (RFC 7692 §7.1.2).
pub(super) const WINDOW_BITS_MIN: u8 = 8;
pub(super) const WINDOW_BITS_MAX: u8 = 15;

/// The agreement of both endpoints: the parameters in the server's response.
///
/// `Display` prints the element for the response's `Sec-WebSocket-Extensions`. If you do without
/// [`handshake`](crate::handshake), compute it with [`respond`] or [`conclude`], and pass it to
/// [`Connection::with_deflate`](crate::Connection::with_deflate).
///
/// ```
/// use hybi::extension::{Offers, deflate};
///
/// let config = deflate::DeflateConfig::default().outgoing_window_bits(12);
/// let field = b"permessage-deflate; client_max_window_bits";
/// let offers = Offers::new(field).collect::<Result<Vec<_>, _>>()?; // malformed: a bad request
/// let agreed = deflate::respond(&config, offers); // `None`: do without compression
/// let response = agreed.map(|agreed| agreed.to_string());
/// assert_eq!(response.as_deref(), Some("permessage-deflate; server_max_window_bits=12"));
/// # Ok::<(), hybi::extension::ExtensionsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agreed {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>, // Invariant: 8 to 15; so is the next
    client_max_window_bits: Option<u8>,
}

impl Agreed {
    /// Returns whether the server compresses each message on its own (RFC 7692 §7.1.1.1).
    #[must_use]
    pub const fn server_no_context_takeover(&self) -> bool {
        self.server_no_context_takeover
    }

    /// Returns whether the client compresses each message on its own (RFC 7692 §7.1.1.2).
    #[must_use]
    pub const fn client_no_context_takeover(&self) -> bool {
        self.client_no_context_takeover
    }

    /// Returns the window of the messages from the server: 2 to the power of this many bytes, from
    /// 8 to 15 (RFC 7692 §7.1.2.1).
    #[must_use]
    pub const fn server_max_window_bits(&self) -> u8 {
        match self.server_max_window_bits {
            Some(bits) => bits,
            None => WINDOW_BITS_MAX,
        }
    }

    /// Returns the window of the messages from the client: 2 to the power of this many bytes, from
    /// 8 to 15 (RFC 7692 §7.1.2.2).
    #[must_use]
    pub const fn client_max_window_bits(&self) -> u8 {
        match self.client_max_window_bits {
            Some(bits) => bits,
            None => WINDOW_BITS_MAX,
        }
    }
}

impl Agreed {
    /// Returns the window and the context takeover of the messages that this role receives.
    pub(super) const fn incoming(&self, is_server: bool) -> (u8, bool) {
        if is_server {
            (self.client_max_window_bits(), !self.client_no_context_takeover)
        } else {
            (self.server_max_window_bits(), !self.server_no_context_takeover)
        }
    }

    /// Appends the parameters in three bytes: the flags, and the windows, zero without a parameter.
    pub(super) fn export(&self, to: &mut Vec<u8>) {
        let client = u8::from(self.client_no_context_takeover);
        to.push((client << 1) | u8::from(self.server_no_context_takeover));
        to.push(self.server_max_window_bits.unwrap_or_default());
        to.push(self.client_max_window_bits.unwrap_or_default());
    }

    /// Reads what [`export`](Self::export) has written.
    pub(super) fn import(body: &mut Body<'_>) -> Result<Self, ImportError> {
        let flags = body.u8()?;
        body.check(flags <= 0b11)?;
        let mut bits = || match body.u8()? {
            0 => Ok(None),
            bits @ WINDOW_BITS_MIN..=WINDOW_BITS_MAX => Ok(Some(bits)),
            _ => Err(body.malformed()),
        };
        Ok(Self {
            server_no_context_takeover: flags & 0b01 != 0,
            client_no_context_takeover: flags & 0b10 != 0,
            server_max_window_bits: bits()?,
            client_max_window_bits: bits()?,
        })
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        if let Some(bits) = self.client_max_window_bits {
            write!(f, "; client_max_window_bits={bits}")?;
        }
        Ok(())
    }
}

/// Returns the client's offers, in the order of its preference: the elements for the request's
/// `Sec-WebSocket-Extensions`. There is one, unless the client asks something of the server, or has
/// other [fallbacks](DeflateConfig::fallbacks).
///
/// ```
/// use hybi::extension::deflate::{self, DeflateConfig};
///
/// let config = DeflateConfig::default();
/// assert_eq!(deflate::offer(&config), "permessage-deflate; client_max_window_bits");
/// assert_eq!(
///     deflate::offer(&config.incoming_window_bits(10)),
///     "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
///      permessage-deflate; client_max_window_bits" // RFC 7692 §7.1.3
/// );
/// ```
#[must_use]
pub fn offer(config: &DeflateConfig) -> String {
    let mut offers = String::new();
    for wishes in config.offers() {
        if !offers.is_empty() {
            offers.push_str(", ");
        }
        push_offer(&wishes, &mut offers);
    }
    offers
}

fn push_offer(wishes: &Wishes, offers: &mut String) {
    offers.push_str(NAME);
    if !wishes.incoming_context_takeover {
        offers.push_str("; server_no_context_takeover");
    }
    if !wishes.outgoing_context_takeover {
        offers.push_str("; client_no_context_takeover");
    }
    // Writing to a `String` cannot fail.
    if let Some(bits) = below_max(wishes.incoming_window_bits) {
        let _ = write!(offers, "; server_max_window_bits={bits}");
    }
    if wishes.client_max_window_bits {
        offers.push_str("; client_max_window_bits");
        if let Some(bits) = below_max(wishes.outgoing_window_bits) {
            let _ = write!(offers, "={bits}");
        }
    }
}

/// Decides for the server about a client's offers. Accepts the first one that it can, which is the
/// one that the client prefers. Returns `None` if it can accept none.
///
/// Ignores offers of other extensions. Declines an offer with a parameter that is unknown, repeated
/// or out of range (RFC 7692 §7), and no other, whatever the settings:
///
/// - A client that does not offer `client_max_window_bits`, such as Firefox and Safari, may use the
///   largest window, also if [`incoming_window_bits`](DeflateConfig::incoming_window_bits) is
///   smaller. It must not be told a limit (§7.1.2.2), and we can decompress any window.
/// - A window of 8 bits is accepted, although the backend cannot compress with it. Our messages are
///   then sent uncompressed.
pub fn respond<'a>(
    config: &DeflateConfig,
    offers: impl IntoIterator<Item = Offer<'a>>,
) -> Option<Agreed> {
    offers
        .into_iter()
        .filter(|offer| offer.name() == NAME)
        .find_map(|offer| accept_one(&config.wishes, &offer))
}

fn accept_one(wishes: &Wishes, offer: &Offer<'_>) -> Option<Agreed> {
    let offered = Parameters::parse(offer).ok()?;
    // RFC 7692 §7.1.2.1: a limit must be answered with the same or a smaller one.
    let server_bits = match offered.server_max_window_bits {
        None => below_max(wishes.outgoing_window_bits),
        Some(Some(limit)) => Some(wishes.outgoing_window_bits.min(limit)),
        Some(None) => return None,
    };
    // RFC 7692 §7.1.2.2: only a client that offers this can be limited. The others may use the
    // largest window, which the decompressor has in any case.
    let client_bits = offered.client_max_window_bits.and_then(|hint| {
        below_max(wishes.incoming_window_bits.min(hint.unwrap_or(WINDOW_BITS_MAX)))
    });
    Some(Agreed {
        server_no_context_takeover: offered.server_no_context_takeover
            || !wishes.outgoing_context_takeover,
        client_no_context_takeover: offered.client_no_context_takeover
            || !wishes.incoming_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    })
}

/// Checks for the client the server's response to its [`offer`].
///
/// The response must suit one of the offers. It need not say which (RFC 7692 §5).
///
/// # Errors
///
/// A parameter of the response is unknown, repeated or out of range, or ignores a demand of every
/// offer; the error is then that of the last. The client must fail the connection (RFC 7692 §7).
pub fn conclude(config: &DeflateConfig, response: &Offer<'_>) -> Result<Agreed, NegotiationError> {
    let agreed = Parameters::parse(response)?;
    if agreed.server_max_window_bits == Some(None) || agreed.client_max_window_bits == Some(None) {
        return Err(NegotiationError::Value);
    }
    let agreed = Agreed {
        server_no_context_takeover: agreed.server_no_context_takeover,
        client_no_context_takeover: agreed.client_no_context_takeover,
        server_max_window_bits: agreed.server_max_window_bits.flatten(),
        client_max_window_bits: agreed.client_max_window_bits.flatten(),
    };
    let mut verdict = Ok(agreed);
    for offered in config.offers() {
        verdict = check(&agreed, &offered).map(|()| agreed);
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

/// Returns whether a response may answer this offer.
pub(super) fn answers(agreed: &Agreed, offered: &Wishes) -> bool {
    check(agreed, offered).is_ok()
}

/// Checks that a response may answer this offer.
fn check(agreed: &Agreed, offered: &Wishes) -> Result<(), NegotiationError> {
    if agreed.server_max_window_bits() > offered.incoming_window_bits {
        return Err(NegotiationError::ServerWindow);
    }
    if !offered.incoming_context_takeover && !agreed.server_no_context_takeover {
        return Err(NegotiationError::ServerTakeover);
    }
    if !offered.client_max_window_bits && agreed.client_max_window_bits.is_some() {
        return Err(NegotiationError::ClientWindow);
    }
    Ok(())
}

/// Why a client cannot accept the server's response. It is the server's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NegotiationError {
    /// A parameter that RFC 7692 does not define.
    Unknown,
    /// The same parameter appears twice.
    Repeated,
    /// A parameter has a value but may not, lacks its value, or has one other than 8 to 15 without
    /// leading zeros.
    Value,
    /// `server_max_window_bits` is larger than we demanded, or missing.
    ServerWindow,
    /// `server_no_context_takeover` is missing although we demanded it.
    ServerTakeover,
    /// `client_max_window_bits` is there although we did not offer it.
    ClientWindow,
}

impl NegotiationError {
    /// Returns the section that has the rule, such as `"RFC 7692 §7.1.2.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Unknown | Self::Repeated | Self::Value => "RFC 7692 §7",
            Self::ServerWindow => "RFC 7692 §7.1.2.1",
            Self::ServerTakeover => "RFC 7692 §7.1.1.1",
            Self::ClientWindow => "RFC 7692 §7.1.2.2",
        }
    }

    /// Returns a code for logs, metrics and other languages, such as `"deflate-server-window"`. It
    /// is as stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "deflate-unknown-parameter",
            Self::Repeated => "deflate-repeated-parameter",
            Self::Value => "deflate-invalid-value",
            Self::ServerWindow => "deflate-server-window",
            Self::ServerTakeover => "deflate-server-takeover",
            Self::ClientWindow => "deflate-client-window",
        }
    }
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Unknown => "the server answered permessage-deflate with an unknown parameter",
            Self::Repeated => "the server answered permessage-deflate with a repeated parameter",
            Self::Value => "the server answered permessage-deflate with an invalid value",
            Self::ServerWindow => {
                "the server wants a larger window than DeflateConfig::incoming_window_bits allows, \
                 and there is no fallback for that"
            }
            Self::ServerTakeover => {
                "the server insists on context takeover, which \
                 DeflateConfig::incoming_context_takeover does not allow, and there is no fallback \
                 for that"
            }
            Self::ClientWindow => {
                "the server limits our window, which \
                 DeflateConfig::offer_client_max_window_bits does not offer"
            }
        };
        write!(f, "{what} ({})", self.section())
    }
}

impl core::error::Error for NegotiationError {}

/// The parameters of an offer or a response. The outer `Option` of a window is its presence, the
/// inner one its value.
#[derive(Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<u8>>,
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    fn parse(offer: &Offer<'_>) -> Result<Self, NegotiationError> {
        let mut parsed = Self::default();
        for (name, value) in offer.params() {
            match name {
                "server_no_context_takeover" => {
                    set_flag(&mut parsed.server_no_context_takeover, value)?
                }
                "client_no_context_takeover" => {
                    set_flag(&mut parsed.client_no_context_takeover, value)?
                }
                "server_max_window_bits" => set_bits(&mut parsed.server_max_window_bits, value)?,
                "client_max_window_bits" => set_bits(&mut parsed.client_max_window_bits, value)?,
                _ => return Err(NegotiationError::Unknown),
            }
        }
        Ok(parsed)
    }
}

fn set_flag(flag: &mut bool, value: Option<Cow<'_, str>>) -> Result<(), NegotiationError> {
    if value.is_some() {
        return Err(NegotiationError::Value);
    }
    if core::mem::replace(flag, true) { Err(NegotiationError::Repeated) } else { Ok(()) }
}

fn set_bits(
    bits: &mut Option<Option<u8>>,
    value: Option<Cow<'_, str>>,
) -> Result<(), NegotiationError> {
    let value = match value.as_deref() {
        None => None,
        // RFC 7692 §7.1.2: decimal, without leading zeros.
        Some(digits @ ("8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")) => digits.parse().ok(),
        Some(_) => return Err(NegotiationError::Value),
    };
    if bits.replace(value).is_some() { Err(NegotiationError::Repeated) } else { Ok(()) }
}

/// Returns the window if it must be mentioned, as the largest need not be.
fn below_max(bits: u8) -> Option<u8> {
    Some(bits).filter(|&bits| bits < WINDOW_BITS_MAX)
}
