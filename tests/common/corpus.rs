//! Replays the corpus of a fuzz target, so that what was once found stays found without a fuzzer.
#![allow(dead_code, unreachable_pub)]

use std::fs;
use std::path::Path;

/// Runs `body` on every file of a corpus, on every prefix of it and with each byte changed a little.
pub fn replay(target: &str, body: fn(&[u8])) {
    replay_varied(target, body, 100);
}

/// The same, where only files up to that length are varied: for bodies that take their time.
pub fn replay_varied(target: &str, body: fn(&[u8]), varied_len: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // the one that fails is the last that is printed
        let data = fs::read(&path).unwrap();
        body(&data);
        if data.len() <= varied_len {
            for end in 0..data.len() {
                body(&data[..end]);
            }
            for at in 0..data.len() {
                for change in [0x01, 0x80, 0xff] {
                    let mut data = data.clone();
                    data[at] ^= change;
                    body(&data);
                }
            }
        }
        files += 1;
    }
    assert!(files >= 4, "{}: {files} files", folder.display());
}
