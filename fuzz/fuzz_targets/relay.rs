#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hybi_fuzz::relay::relay(data));
