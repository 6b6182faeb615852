language=Rust roles="server client"
install() { from_crates tokio-websockets; }
version() { crate_version tokio-websockets; }
run() { exec "$dir/cargo/release/tokio-websockets" "$@"; }
