//! The negotiation of permessage-deflate (RFC 7692 §5, §7.1), as functions from what was offered to what is agreed.

use core::fmt::{self, Write};

use alloc::borrow::Cow;
use alloc::string::String;

use super::DeflateConfig;
use crate::extension::Offer;

/// The name under which the extension is registered (RFC 7692 §9.1).
pub const NAME: &str = "permessage-deflate";

const WINDOW_BITS_MAX: u8 = 15;

/// What both endpoints have agreed upon: the parameters of the server's response.
///
/// Displayed, it is the element that goes into the response's `Sec-WebSocket-Extensions`. A caller who speaks HTTP by other
/// means than [`handshake`](crate::handshake) computes it with [`accept`] or [`conclude`] and hands it to
/// [`Connection::with_deflate`](crate::Connection::with_deflate).
///
/// ```
/// use hybi::extension::{Offers, deflate};
///
/// let config = deflate::DeflateConfig::default().window_bits(12, 15);
/// let offers = Offers::new(b"permessage-deflate; client_max_window_bits").flatten();
/// let agreed = deflate::accept(&config, offers).unwrap();
/// assert_eq!(agreed.to_string(), "permessage-deflate; server_max_window_bits=12");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agreed {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>, // Invariant: 8 to 15; so is the next
    client_max_window_bits: Option<u8>,
}

impl Agreed {
    /// Whether the server starts every message with an empty window (RFC 7692 §7.1.1.1).
    #[must_use]
    pub const fn server_no_context_takeover(&self) -> bool {
        self.server_no_context_takeover
    }

    /// Whether the client starts every message with an empty window (RFC 7692 §7.1.1.2).
    #[must_use]
    pub const fn client_no_context_takeover(&self) -> bool {
        self.client_no_context_takeover
    }

    /// The window of what the server sends, as the logarithm of its bytes: 8 to 15 (RFC 7692 §7.1.2.1).
    #[must_use]
    pub const fn server_max_window_bits(&self) -> u8 {
        match self.server_max_window_bits {
            Some(bits) => bits,
            None => WINDOW_BITS_MAX,
        }
    }

    /// The window of what the client sends, as the logarithm of its bytes: 8 to 15 (RFC 7692 §7.1.2.2).
    #[must_use]
    pub const fn client_max_window_bits(&self) -> u8 {
        match self.client_max_window_bits {
            Some(bits) => bits,
            None => WINDOW_BITS_MAX,
        }
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

/// The client's offer: the element that goes into the request's `Sec-WebSocket-Extensions`.
///
/// ```
/// use hybi::extension::deflate::{self, DeflateConfig};
///
/// assert_eq!(deflate::offer(&DeflateConfig::default()), "permessage-deflate; client_max_window_bits");
/// ```
#[must_use]
pub fn offer(config: &DeflateConfig) -> String {
    let mut offer = String::from(NAME);
    if !config.incoming_takeover {
        offer.push_str("; server_no_context_takeover");
    }
    if !config.outgoing_takeover {
        offer.push_str("; client_no_context_takeover");
    }
    // Writing to a `String` cannot fail.
    if let Some(bits) = below_max(config.incoming_window_bits) {
        let _ = write!(offer, "; server_max_window_bits={bits}");
    }
    offer.push_str("; client_max_window_bits");
    if let Some(bits) = below_max(config.outgoing_window_bits) {
        let _ = write!(offer, "={bits}");
    }
    offer
}

/// The server's decision about a client's offers: the first, and so most preferred, that it can accept, or `None`.
///
/// Offers of other extensions are passed over. An offer with a parameter that is unknown, repeated or out of range is
/// declined (RFC 7692 §7), and so is one that would let the client use a larger window than
/// [`incoming_window_bits`](DeflateConfig::incoming_window_bits). A window of 8 bits is agreed to; as the backend cannot compress
/// with one, our messages then go out uncompressed.
pub fn accept<'a>(
    config: &DeflateConfig,
    offers: impl IntoIterator<Item = Offer<'a>>,
) -> Option<Agreed> {
    offers
        .into_iter()
        .filter(|offer| offer.name() == NAME)
        .find_map(|offer| accept_one(config, &offer))
}

fn accept_one(config: &DeflateConfig, offer: &Offer<'_>) -> Option<Agreed> {
    let offered = Parameters::parse(offer).ok()?;
    // RFC 7692 §7.1.2.1: the answer to a limit is the same or a smaller one, and so never none.
    let server_bits = match offered.server_max_window_bits {
        None => below_max(config.outgoing_window_bits),
        Some(Some(limit)) => Some(clamped(config.outgoing_window_bits).min(limit)),
        Some(None) => return None,
    };
    // RFC 7692 §7.1.2.2: only who offers this can be limited.
    let client_bits = match offered.client_max_window_bits {
        None if below_max(config.incoming_window_bits).is_some() => return None,
        None => None,
        Some(hint) => {
            below_max(clamped(config.incoming_window_bits).min(hint.unwrap_or(WINDOW_BITS_MAX)))
        }
    };
    Some(Agreed {
        server_no_context_takeover: offered.server_no_context_takeover || !config.outgoing_takeover,
        client_no_context_takeover: offered.client_no_context_takeover || !config.incoming_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    })
}

/// The client's verdict on the server's response to its [`offer`].
///
/// # Errors
///
/// The response has a parameter that is unknown, repeated or out of range, or does not honour what was asked for; the client
/// must fail the connection (RFC 7692 §7.1).
pub fn conclude(config: &DeflateConfig, response: &Offer<'_>) -> Result<Agreed, Disagreement> {
    let agreed = Parameters::parse(response)?;
    if agreed.server_max_window_bits == Some(None) || agreed.client_max_window_bits == Some(None) {
        return Err(Disagreement::Value);
    }
    let agreed = Agreed {
        server_no_context_takeover: agreed.server_no_context_takeover,
        client_no_context_takeover: agreed.client_no_context_takeover,
        server_max_window_bits: agreed.server_max_window_bits.flatten(),
        client_max_window_bits: agreed.client_max_window_bits.flatten(),
    };
    if agreed.server_max_window_bits() > clamped(config.incoming_window_bits) {
        return Err(Disagreement::ServerWindow);
    }
    if !config.incoming_takeover && !agreed.server_no_context_takeover {
        return Err(Disagreement::ServerTakeover);
    }
    Ok(agreed)
}

/// Why a client cannot accept the server's response: the server's mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disagreement {
    /// A parameter that RFC 7692 does not define.
    Unknown,
    /// The same parameter twice.
    Repeated,
    /// A value where none may be, none where one must be, or one that is not 8 to 15 without leading zeros.
    Value,
    /// A larger `server_max_window_bits` than was asked for, or none.
    ServerWindow,
    /// No `server_no_context_takeover`, although it was asked for.
    ServerTakeover,
}

impl Disagreement {
    /// Where the rule stands, such as `"RFC 7692 §7.1.2.1"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Unknown | Self::Repeated | Self::Value => "RFC 7692 §7",
            Self::ServerWindow => "RFC 7692 §7.1.2.1",
            Self::ServerTakeover => "RFC 7692 §7.1.1.1",
        }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Unknown => "the server answered permessage-deflate with an unknown parameter",
            Self::Repeated => "the server answered permessage-deflate with a repeated parameter",
            Self::Value => "the server answered permessage-deflate with an invalid value",
            Self::ServerWindow => "the server wants a larger window than was offered to it",
            Self::ServerTakeover => "the server does not renounce context takeover as asked",
        };
        write!(f, "{what} ({})", self.section())
    }
}

impl core::error::Error for Disagreement {}

/// The parameters of an offer or a response. The outer `Option` of a window: whether it is there; the inner: its value.
#[derive(Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<u8>>,
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    fn parse(offer: &Offer<'_>) -> Result<Self, Disagreement> {
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
                _ => return Err(Disagreement::Unknown),
            }
        }
        Ok(parsed)
    }
}

fn set_flag(flag: &mut bool, value: Option<Cow<'_, str>>) -> Result<(), Disagreement> {
    if value.is_some() {
        return Err(Disagreement::Value);
    }
    if core::mem::replace(flag, true) { Err(Disagreement::Repeated) } else { Ok(()) }
}

fn set_bits(
    bits: &mut Option<Option<u8>>,
    value: Option<Cow<'_, str>>,
) -> Result<(), Disagreement> {
    let value = match value.as_deref() {
        None => None,
        // RFC 7692 §7.1.2: decimal, without leading zeros.
        Some(digits @ ("8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")) => digits.parse().ok(),
        Some(_) => return Err(Disagreement::Value),
    };
    if bits.replace(value).is_some() { Err(Disagreement::Repeated) } else { Ok(()) }
}

fn clamped(bits: u8) -> u8 {
    bits.clamp(8, WINDOW_BITS_MAX)
}

/// A window that needs to be mentioned.
fn below_max(bits: u8) -> Option<u8> {
    Some(clamped(bits)).filter(|&bits| bits < WINDOW_BITS_MAX)
}
