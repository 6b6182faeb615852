language=Rust roles="server client"
install() { from_crates soketto; }
version() { crate_version soketto; }
run() { exec "$dir/cargo/release/soketto" "$@"; }
