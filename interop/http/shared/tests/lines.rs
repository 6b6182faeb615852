//! What it takes to put hybi behind an HTTP stack is little, and stays so.

use std::path::Path;

/// For a server and a client, with their comments, besides `main` and what is shared.
const LINES_MAX: usize = 60;

#[test]
fn a_server_and_a_client_have_at_most_60_lines_each() {
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for stack in ["axum", "h2", "hyper"] {
        for end in ["server.rs", "client.rs"] {
            let file = http.join(stack).join("src").join(end);
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= LINES_MAX, "{}: {lines} lines", file.display());
        }
    }
}
