//! Fields that the caller adds to a request or response.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::HandshakeUsageError;
use crate::http::fields::is_field_value;
use crate::http::list::is_token;

/// The caller's fields, in their order. Borrowed ones cost no copy.
#[derive(Clone, Default)]
pub(super) struct ExtraFields<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
}

impl<'a> ExtraFields<'a> {
    pub(super) fn push(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<FieldValue<'a>>) {
        self.fields.push((name.into(), value.into().0));
    }

    /// Removes the fields with that name, in any case.
    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Returns whether there is a field with that name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// Checks that all of them may be sent. `reserved` is a name beyond those that no handshake
    /// gives away.
    pub(super) fn check(&self, reserved: Option<&str>) -> Result<(), HandshakeUsageError> {
        for (name, value) in &self.fields {
            if !is_token(name.as_bytes()) {
                return Err(HandshakeUsageError::FieldName);
            }
            let always = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
            let prefix = name.get(.."sec-websocket-".len()).unwrap_or_default();
            if prefix.eq_ignore_ascii_case("sec-websocket-")
                || always.into_iter().chain(reserved).any(|other| name.eq_ignore_ascii_case(other))
            {
                return Err(HandshakeUsageError::FieldReserved);
            }
            if !is_field_value(value) {
                return Err(HandshakeUsageError::FieldValue);
            }
        }
        Ok(())
    }

    /// Checks that there is no field that HTTP/2 and HTTP/3 do not have (RFC 9113 §8.2.2), beyond
    /// those that no handshake gives away.
    pub(super) fn check_connect(&self) -> Result<(), HandshakeUsageError> {
        if ["keep-alive", "proxy-connection", "te"].into_iter().any(|name| self.has(name)) {
            return Err(HandshakeUsageError::FieldReserved);
        }
        Ok(())
    }

    /// Returns the fields with names in lower case, as HTTP/2 and HTTP/3 have them (RFC 9113
    /// §8.2.1).
    pub(super) fn lower_case(&self) -> Cow<'_, Self> {
        let is_upper_case = |name: &str| name.bytes().any(|byte| byte.is_ascii_uppercase());
        let mut fields = Cow::Borrowed(self);
        if self.fields.iter().any(|(name, _)| is_upper_case(name)) {
            for (name, _) in &mut fields.to_mut().fields {
                name.to_mut().make_ascii_lowercase();
            }
        }
        fields
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Copies what they borrow.
    pub(super) fn into_owned(self) -> ExtraFields<'static> {
        let owned = |(name, value): (Cow<'a, str>, Cow<'a, [u8]>)| {
            (Cow::Owned(name.into_owned()), Cow::Owned(value.into_owned()))
        };
        ExtraFields { fields: self.fields.into_iter().map(owned).collect() }
    }
}

/// Prints the names only: values may be credentials or cookies.
impl fmt::Debug for ExtraFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// The value of a field that you add: text or bytes, borrowed or owned.
#[derive(Clone)]
pub struct FieldValue<'a>(pub(super) Cow<'a, [u8]>);

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(value: &'a str) -> Self {
        Self(Cow::Borrowed(value.as_bytes()))
    }
}

impl<'a> From<&'a String> for FieldValue<'a> {
    fn from(value: &'a String) -> Self {
        value.as_str().into()
    }
}

impl From<String> for FieldValue<'_> {
    fn from(value: String) -> Self {
        Self(Cow::Owned(value.into_bytes()))
    }
}

impl<'a> From<&'a [u8]> for FieldValue<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self(Cow::Borrowed(value))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for FieldValue<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a Vec<u8>> for FieldValue<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self(Cow::Borrowed(value))
    }
}

impl From<Vec<u8>> for FieldValue<'_> {
    fn from(value: Vec<u8>) -> Self {
        Self(Cow::Owned(value))
    }
}

/// Prints the length only: the value may be a credential or a cookie.
impl fmt::Debug for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldValue({} bytes)", self.0.len())
    }
}
