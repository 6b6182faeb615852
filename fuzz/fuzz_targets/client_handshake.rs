#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hybi_fuzz::handshake::client_handshake(data));
