//! The cases with which hybi is tested, for any implementation of WebSocket (RFC 6455).
#![forbid(unsafe_code)]
