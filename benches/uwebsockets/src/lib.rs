//! uWebSockets for the benches: its parser and formatter on memory, and its echo server.
//!
//! Its source is not in this repository. `build.rs` compiles it from the package that the lock file
//! names. If it can't, [`missing`] returns the reason, and nothing else of this crate may be called.

use std::ffi::{c_char, c_int, c_void};
use std::slice;

/// Returns why uWebSockets is missing, or `None` if it is there.
pub const fn missing() -> Option<&'static str> {
    if cfg!(missing) { Some(env!("UWEBSOCKETS")) } else { None }
}

/// Returns the package that the source is from, with its version.
pub const fn package() -> Option<&'static str> {
    if cfg!(missing) { None } else { Some(env!("UWEBSOCKETS")) }
}

/// As much as uSockets reads at once.
const BUFFER_BYTES: usize = 512 << 10;
/// Before and after what was read, the parser moves and overwrites bytes.
const PADDING: usize = 32;

/// A connection: the parser, and what it has seen of messages and control frames.
pub struct Connection {
    is_server: bool,
    session: *mut c_void,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(is_server: bool) -> Self {
        // SAFETY: it takes no pointer.
        let session = unsafe { uws_open(is_server) };
        Self { is_server, session, buffer: vec![0; BUFFER_BYTES + 2 * PADDING] }
    }

    /// Returns room to read into.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[PADDING..PADDING + BUFFER_BYTES]
    }

    /// Parses the first `n` bytes of the room, and calls `on_message` for each message in them with
    /// its opcode and payload. Returns whether the connection goes on.
    ///
    /// `on_message` must not panic.
    #[inline]
    pub fn receive<F: FnMut(u8, &[u8])>(&mut self, n: usize, mut on_message: F) -> bool {
        unsafe extern "C" fn call<F: FnMut(u8, &[u8])>(
            on_message: *mut c_void,
            opcode: u8,
            data: *const c_char,
            length: usize,
        ) {
            // SAFETY: `receive` passes this pointer on. The parser lends `length` bytes.
            let (on_message, payload) = unsafe {
                (&mut *on_message.cast::<F>(), slice::from_raw_parts(data.cast(), length))
            };
            on_message(opcode, payload);
        }
        let data = self.room()[..n].as_mut_ptr().cast();
        let on_message = (&raw mut on_message).cast();
        // SAFETY: the session is alive; the data has the padding that the parser needs.
        unsafe { uws_receive(self.is_server, self.session, data, n, call::<F>, on_message) }
    }

    /// Takes the frames that answer pings.
    #[inline]
    pub fn take_replies(&mut self) -> &[u8] {
        let mut data = std::ptr::null();
        // SAFETY: the session is alive. What it returns lives until the next call.
        unsafe {
            let length = uws_take_replies(self.is_server, self.session, &mut data);
            slice::from_raw_parts(data.cast(), length)
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: made by `uws_open` for the same role, and not used again.
        unsafe { uws_close(self.is_server, self.session) }
    }
}

/// Writes a binary message so many times to the front of `out`. Returns how many bytes that were.
///
/// # Panics
///
/// If `out` has less than 14 bytes of room for each header.
#[inline]
pub fn format(is_server: bool, payload: &[u8], messages: usize, out: &mut [u8]) -> usize {
    assert!(out.len() >= messages * (payload.len() + 14));
    let (to, from) = (out.as_mut_ptr().cast(), payload.as_ptr().cast());
    // SAFETY: there is room for all frames.
    unsafe { uws_format(is_server, to, from, payload.len(), messages) }
}

/// Serves echoes on a free port of 127.0.0.1 for ever. Prints the port to standard output.
pub fn serve() {
    unsafe extern "C" fn listening(port: c_int) {
        println!("{port}");
    }
    // SAFETY: the pointer is to a function.
    unsafe { uws_serve(listening) }
}

type OnMessage = unsafe extern "C" fn(*mut c_void, u8, *const c_char, usize);

/// Declares what the shims define, or defines it if there are none.
macro_rules! shims {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        #[cfg(not(missing))]
        unsafe extern "C" {
            $(fn $name($($argument: $type),*) $(-> $result)?;)*
        }
        $(#[cfg(missing)]
        unsafe fn $name($(_: $type),*) $(-> $result)? {
            panic!("uWebSockets is missing: {}", env!("UWEBSOCKETS"))
        })*
    };
}

shims! {
    fn uws_open(is_server: bool) -> *mut c_void;
    fn uws_close(is_server: bool, session: *mut c_void);
    fn uws_receive(
        is_server: bool,
        session: *mut c_void,
        data: *mut c_char,
        length: usize,
        handler: OnMessage,
        sink: *mut c_void
    ) -> bool;
    fn uws_take_replies(is_server: bool, session: *mut c_void, data: *mut *const c_char) -> usize;
    fn uws_format(
        is_server: bool,
        to: *mut c_char,
        payload: *const c_char,
        length: usize,
        messages: usize
    ) -> usize;
    fn uws_serve(listening: unsafe extern "C" fn(c_int));
}
