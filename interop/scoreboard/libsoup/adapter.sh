language=C roles="server client"
install() {
  from_debian g++ libsoup-3.0-dev pkg-config &&
    compile $(pkg-config --cflags --libs libsoup-3.0)
}
version() { debian_version libsoup-3.0-dev; }
run() { exec "$dir/bin/libsoup" "$@"; }
