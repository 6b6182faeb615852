language=Rust roles="server client"
install() { from_crates fastwebsockets; }
version() { crate_version fastwebsockets; }
run() { exec "$dir/cargo/release/fastwebsockets" "$@"; }
