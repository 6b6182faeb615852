//! The setting with which a server allows extended CONNECT (RFC 8441 §3, RFC 9220 §3).

use core::fmt;

/// The SETTINGS_ENABLE_CONNECT_PROTOCOL of a server, which allows extended CONNECT: the setting
/// 0x8 of HTTP/2 and of HTTP/3.
///
/// A client keeps one for each HTTP connection and opens no WebSocket before
/// [`is_enabled`](Self::is_enabled): a server that does not know extended CONNECT treats it as
/// malformed (RFC 8441 §3). Many HTTP stacks do this for you. A server sends the setting with the
/// value 1, and need not look at the client's.
///
/// ```
/// use hybi::handshake::{ConnectSetting, ConnectSettingError};
///
/// /// For each parameter of each SETTINGS frame.
/// fn on_setting(
///     connect: &mut ConnectSetting,
///     id: u64,
///     value: u64,
/// ) -> Result<(), ConnectSettingError> {
///     match id {
///         ConnectSetting::ID => connect.receive(value),
///         _ => Ok(()), // what the HTTP stack knows
///     }
/// }
///
/// let mut connect = ConnectSetting::new();
/// assert!(!connect.is_enabled()); // use HTTP/1.1 then
/// on_setting(&mut connect, 0x8, 1)?;
/// assert!(connect.is_enabled());
/// # Ok::<(), ConnectSettingError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectSetting {
    is_enabled: bool,
}

impl ConnectSetting {
    /// The identifier of the setting, the same in HTTP/2 and HTTP/3.
    pub const ID: u64 = 0x8;

    /// Starts with the initial value, 0: extended CONNECT must not be used.
    #[must_use]
    pub const fn new() -> Self {
        Self { is_enabled: false }
    }

    /// Takes a value that the server has sent.
    ///
    /// # Errors
    ///
    /// The value is not allowed; nothing has changed. It is an error of the whole HTTP connection:
    /// PROTOCOL_ERROR in HTTP/2 (RFC 9113 §6.5.2), H3_SETTINGS_ERROR in HTTP/3 (RFC 9114 §7.2.4).
    pub const fn receive(&mut self, value: u64) -> Result<(), ConnectSettingError> {
        match value {
            0 if self.is_enabled => Err(ConnectSettingError::Withdrawn),
            0 => Ok(()),
            1 => {
                self.is_enabled = true;
                Ok(())
            }
            _ => Err(ConnectSettingError::Value),
        }
    }

    /// Returns whether the server takes extended CONNECT.
    #[must_use]
    pub const fn is_enabled(self) -> bool {
        self.is_enabled
    }
}

/// A rule that a server's SETTINGS_ENABLE_CONNECT_PROTOCOL broke. Close the HTTP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectSettingError {
    /// A value other than 0 and 1.
    Value,
    /// A value of 0 after 1.
    Withdrawn,
}

impl ConnectSettingError {
    /// Returns a code for logs, metrics and other languages, such as `"connect-setting-value"`. It
    /// is as stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Value => "connect-setting-value",
            Self::Withdrawn => "connect-setting-withdrawn",
        }
    }

    /// Returns the section of the rule: `"RFC 8441 §3"`.
    #[must_use]
    pub const fn section(self) -> &'static str {
        "RFC 8441 §3"
    }
}

impl fmt::Display for ConnectSettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Value => "a SETTINGS_ENABLE_CONNECT_PROTOCOL other than 0 and 1",
            Self::Withdrawn => "a SETTINGS_ENABLE_CONNECT_PROTOCOL of 0 after 1",
        };
        write!(f, "the server sent {what} ({})", self.section())
    }
}

impl core::error::Error for ConnectSettingError {}
