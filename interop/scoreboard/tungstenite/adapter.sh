language=Rust roles="server client"
install() { from_crates tungstenite; }
version() { crate_version tungstenite; }
run() { exec "$dir/cargo/release/tungstenite" "$@"; }
