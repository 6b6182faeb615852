//! Connecting and accepting: TCP, TLS, proxies, time-outs, refusals.

mod proxies;
#[cfg(feature = "socks")]
mod socks;
mod streams;
mod times;
#[cfg(feature = "rustls")]
mod tls;
