//! Scans an HTTP/1.1 head (RFC 9112) byte by byte: finds its end, or at the first bad byte its
//! fault.
//!
//! Requests are read strictly: what two readers understand in two ways is how requests are smuggled
//! past a proxy. In responses three things are tolerated that a client must or may take: a folded
//! field line (RFC 9112 §5.2), white space before a colon (§5.1), and a single LF as a line's end
//! (§2.2). The scan says how to write them as the grammar has them, so nothing else needs to know.

use super::limits::HeadLimits;
use crate::http::list::is_token_byte;

/// The kind of line that a head begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    Request,
    Status,
}

/// A fault in the form of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Neither a request line nor a status line.
    StartLine,
    /// A character in the target that is in none.
    Target,
    /// Another version of HTTP than 1.0 and 1.1.
    Version,
    /// A CR without a LF or a LF without a CR.
    LineEnding,
    /// A field line that begins with white space.
    Folded,
    /// A field name that is not a token, or not followed by a colon.
    FieldName,
    /// A control character in a field value.
    FieldValue,
    /// The start line is too long.
    StartLineTooLong,
    /// The head is too long.
    HeadTooLong,
    /// Too many field lines.
    TooManyFields,
}

/// What becomes of a byte, for the head to follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// It stays.
    Keep,
    /// It is left out.
    Drop,
    /// It is the end of a line: CR and LF.
    LineEnd,
    /// It continues the line before: a space, in place of that line's end and the white space
    /// before that.
    Unfold,
}

/// Progress through a head.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Whether it is a response, in which some things are tolerated.
    is_tolerant: bool,
    state: State,
    /// The bytes so far.
    scanned: usize,
    /// The bytes of the target so far.
    target_len: usize,
    /// The field lines so far, the current one included.
    fields: usize,
}

/// The part of the head that the last byte belonged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing, or an empty line before the request line.
    BeforeRequest,
    /// The CR of such an empty line.
    EmptyLineCr,
    /// The method: at least one byte of it.
    Method,
    /// The target, or the space before it.
    Target,
    /// This many bytes of the request's `HTTP/1.1`.
    RequestVersion(u8),
    /// This many bytes of the response's `HTTP/1.1 `.
    ResponseVersion(u8),
    /// This many digits of the status.
    Status(u8),
    /// The reason phrase, or the space before it.
    Reason,
    /// The CR of any line but empty ones.
    LineCr,
    /// The LF of such a line.
    LineLf,
    /// A field name: at least one byte of it.
    Name,
    /// White space before the colon.
    NameSpace,
    /// A field value, or the colon before it.
    Value,
    /// The white space at the start of a line that continues a field value.
    Fold,
    /// The CR of the empty line at the end.
    EndCr,
    /// The end.
    Done,
}

impl Scan {
    pub(crate) const fn new(kind: StartLine) -> Self {
        let state = match kind {
            StartLine::Request => State::BeforeRequest,
            StartLine::Status => State::ResponseVersion(0),
        };
        let is_tolerant = matches!(kind, StartLine::Status);
        Self { is_tolerant, state, scanned: 0, target_len: 0, fields: 0 }
    }

    /// Returns whether the last byte was the last of the head.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many bytes have been looked at.
    #[cfg(test)]
    pub(crate) const fn scanned(&self) -> usize {
        self.scanned
    }

    /// Looks at the next byte. Returns what becomes of it. Unusable after the end, and after a
    /// fault.
    #[inline]
    pub(crate) fn step(&mut self, byte: u8, limits: &HeadLimits) -> Result<Edit, Fault> {
        if self.scanned >= limits.head_bytes_max as usize {
            return Err(match self.state {
                State::LineLf
                | State::Name
                | State::NameSpace
                | State::Value
                | State::Fold
                | State::EndCr => Fault::HeadTooLong,
                State::LineCr if self.fields > 0 => Fault::HeadTooLong,
                _ => Fault::StartLineTooLong,
            });
        }
        self.scanned = self.scanned.saturating_add(1);
        let mut edit = Edit::Keep;
        self.state = match (self.state, byte) {
            (State::BeforeRequest, b'\r') => State::EmptyLineCr,
            (State::EmptyLineCr, b'\n') => State::BeforeRequest,
            (State::BeforeRequest, b'\n') | (State::EmptyLineCr, _) => {
                return Err(Fault::LineEnding);
            }

            (State::BeforeRequest | State::Method, _) if is_token_byte(byte) => State::Method,
            (State::Method, b' ') => State::Target,
            (State::Target, b' ') if self.target_len > 0 => State::RequestVersion(0),
            (State::Target, b'!'..=b'"' | b'$'..=b'~') => {
                self.target_len = self.target_len.saturating_add(1);
                if self.target_len > limits.target_bytes_max as usize {
                    return Err(Fault::StartLineTooLong);
                }
                State::Target
            }
            // The others end it too soon.
            (State::Target, _) if !b" \r\n".contains(&byte) => return Err(Fault::Target),
            (State::RequestVersion(8) | State::Reason | State::Status(3), b'\r') => State::LineCr,
            (State::RequestVersion(8), b'\n') => return Err(Fault::LineEnding),
            (State::Reason | State::Status(3), b'\n') => {
                edit = Edit::LineEnd;
                State::LineLf
            }
            (State::RequestVersion(read), _) => State::RequestVersion(version_step(read, byte)?),

            (State::ResponseVersion(8), b' ') => State::Status(0),
            (State::ResponseVersion(read), _) => State::ResponseVersion(version_step(read, byte)?),
            // RFC 9110 §15: a status has three digits, the first of which is its class.
            (State::Status(0), b'1'..=b'9') => State::Status(1),
            (State::Status(read @ 1..=2), b'0'..=b'9') => State::Status(read.saturating_add(1)),
            // The space is part of the line even without a reason phrase (RFC 9112 §4), but often
            // forgotten.
            (State::Status(3), b' ') => State::Reason,
            (State::Reason, b'\t' | b' '..=b'~' | 0x80..) => State::Reason,
            (
                State::BeforeRequest
                | State::Method
                | State::Target
                | State::Status(_)
                | State::Reason,
                _,
            ) => {
                return Err(Fault::StartLine);
            }

            (State::LineCr, b'\n') => State::LineLf,
            (State::LineLf, b'\r') => State::EndCr,
            (State::EndCr, b'\n') => State::Done,
            (State::LineCr | State::EndCr, _) => return Err(Fault::LineEnding),
            (State::LineLf, b'\n') if self.is_tolerant => {
                edit = Edit::LineEnd;
                State::Done
            }
            (State::Value | State::Fold, b'\n') if self.is_tolerant => {
                edit = Edit::LineEnd;
                State::LineLf
            }
            (State::LineLf | State::Name | State::Value, b'\n') if !self.is_tolerant => {
                return Err(Fault::LineEnding);
            }
            // White space before the first field continues nothing (RFC 9112 §2.2).
            (State::LineLf, b' ' | b'\t') if self.is_tolerant && self.fields > 0 => {
                edit = Edit::Unfold;
                State::Fold
            }
            (State::LineLf, b' ' | b'\t') => return Err(Fault::Folded),
            (State::LineLf, _) if is_token_byte(byte) => {
                self.fields = self.fields.saturating_add(1);
                if self.fields > usize::from(limits.fields_max) {
                    return Err(Fault::TooManyFields);
                }
                State::Name
            }
            (State::Name | State::NameSpace, b':') => State::Value,
            (State::Name, _) if is_token_byte(byte) => State::Name,
            (State::Name | State::NameSpace, b' ' | b'\t') if self.is_tolerant => {
                edit = Edit::Drop;
                State::NameSpace
            }
            (State::LineLf | State::Name | State::NameSpace, _) => return Err(Fault::FieldName),
            (State::Value | State::Fold, b'\r') => State::LineCr,
            (State::Fold, b' ' | b'\t') => {
                edit = Edit::Drop;
                State::Fold
            }
            (State::Value | State::Fold, b'\t' | b' '..=b'~' | 0x80..) => State::Value,
            (State::Value | State::Fold, _) => return Err(Fault::FieldValue),
            (State::Done, _) => State::Done, // nobody asks
        };
        Ok(edit)
    }
}

/// One more byte of `HTTP/1.0` or `HTTP/1.1`, of which some have been read.
fn version_step(read: u8, byte: u8) -> Result<u8, Fault> {
    let fits = match read {
        0 => byte == b'H',
        1 | 2 => byte == b'T',
        3 => byte == b'P',
        4 => byte == b'/',
        // Major versions that have another form do not come here, and there never was an HTTP/1.2.
        5 if byte.is_ascii_digit() && byte != b'1' => return Err(Fault::Version),
        5 => byte == b'1',
        6 => byte == b'.',
        7 if byte.is_ascii_digit() && !matches!(byte, b'0' | b'1') => return Err(Fault::Version),
        7 => matches!(byte, b'0' | b'1'),
        _ => false,
    };
    if fits { Ok(read.saturating_add(1)) } else { Err(Fault::StartLine) }
}
