language=C++ roles="server client"
install() {
  from_debian g++ libwebsocketpp-dev libasio-dev zlib1g-dev &&
    compile -std=c++11 -DASIO_STANDALONE -pthread -lz
}
version() { debian_version libwebsocketpp-dev; }
run() { exec "$dir/bin/websocketpp" "$@"; }
