//! Connecting and accepting: TCP, TLS, proxies, time-outs, refusals.

mod proxies;
mod streams;
mod times;
#[cfg(feature = "rustls")]
mod tls;
