//! Errors of exporting a connection, and of importing one.

use core::fmt;

/// The reason that a connection cannot be exported now. Nothing was written, and the connection is
/// unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExportError {
    /// A compressed message is being received, and the decompressor is in the middle of it. Go on
    /// receiving, and export the connection after the message. The peer decides when that is: give
    /// it a deadline, and drain the connection if it passes.
    InCompressedMessage,
}

impl ExportError {
    /// Returns a code for logs, metrics and other languages, such as
    /// `"export-in-compressed-message"`. It is as stable as
    /// [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InCompressedMessage => "export-in-compressed-message",
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InCompressedMessage => {
                "not now: a compressed message is being received; export the connection after it"
            }
        })
    }
}

impl core::error::Error for ExportError {}

/// The reason that bytes cannot be imported. Nothing was taken off them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportError {
    /// The bytes do not begin with a record.
    Foreign,
    /// The bytes end before the record does.
    Truncated,
    /// The record has a version of the format that this version of hybi does not know.
    Version {
        /// The version.
        version: u8,
    },
    /// The record is of another kind, such as an inbox where a connection is expected: records are
    /// imported in the order in which they were exported.
    Kind {
        /// The number of the kind that was found.
        found: u8,
    },
    /// The other end was exported: a client's record is imported as a server, or the other way
    /// round.
    Role,
    /// The record has something that no export has.
    Malformed {
        /// The position of the field, in bytes from the start of the record.
        at: usize,
    },
    /// The frame in progress is longer than the importer's
    /// [`frame_bytes_max`](crate::Limits::frame_bytes_max).
    FrameTooBig {
        /// The length of its payload, or of the part that has not arrived.
        len: u64,
    },
    /// The message in progress is longer than the importer's
    /// [`message_bytes_max`](crate::Limits::message_bytes_max), or than there is memory for.
    MessageTooBig {
        /// The sum of the lengths of its frames so far.
        len: u64,
    },
    /// The message in progress has more frames than the importer's
    /// [`fragments_max`](crate::Limits::fragments_max).
    TooManyFragments {
        /// The number of its frames so far.
        fragments: u32,
    },
    /// Compression was agreed on with the peer, and the importer's `Config` does not allow it:
    /// permessage-deflate is not set, or the feature `deflate` is off.
    NoDeflate,
}

impl ImportError {
    /// Returns a code for logs, metrics and other languages, such as `"import-truncated"`. It is as
    /// stable as [`ProtocolError::name`](crate::ProtocolError::name).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Foreign => "import-foreign",
            Self::Truncated => "import-truncated",
            Self::Version { .. } => "import-version",
            Self::Kind { .. } => "import-kind",
            Self::Role => "import-role",
            Self::Malformed { .. } => "import-malformed",
            Self::FrameTooBig { .. } => "import-frame-too-big",
            Self::MessageTooBig { .. } => "import-message-too-big",
            Self::TooManyFragments { .. } => "import-too-many-fragments",
            Self::NoDeflate => "import-no-deflate",
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Foreign => f.write_str("these bytes are no export of hybi's"),
            Self::Truncated => {
                f.write_str("the export is incomplete: bytes are missing at its end")
            }
            Self::Version { version } => write!(
                f,
                "the export has version {version} of the format, and only version 1 is known; \
                 import it with the version of hybi that has written it"
            ),
            Self::Kind { found } => write!(
                f,
                "the export has a record of kind {found} where another is expected; import \
                 records in the order in which they were exported"
            ),
            Self::Role => f.write_str(
                "the export is of the other role: a server's is no client's, and vice versa",
            ),
            Self::Malformed { at } => {
                write!(f, "the export has something at its byte {at} that no connection exports")
            }
            Self::FrameTooBig { len } => write!(
                f,
                "the frame in progress has {len} bytes, more than Limits::frame_bytes_max allows"
            ),
            Self::MessageTooBig { len } => write!(
                f,
                "the message in progress has {len} bytes, more than Limits::message_bytes_max \
                 allows or than there is memory for"
            ),
            Self::TooManyFragments { fragments } => write!(
                f,
                "the message in progress has {fragments} frames, more than Limits::fragments_max \
                 allows"
            ),
            Self::NoDeflate => f.write_str(
                "permessage-deflate was agreed on, and Config::deflate does not allow it (or the \
                 feature `deflate` is off)",
            ),
        }
    }
}

impl core::error::Error for ImportError {}
