language=C roles=server
install() {
  from_debian g++ libwebsockets-dev pkg-config libssl-dev libev-dev libuv1-dev libcap-dev &&
    compile $(pkg-config --cflags --libs libwebsockets)
}
version() { debian_version libwebsockets-dev; }
run() { exec "$dir/bin/libwebsockets" "$@"; }
