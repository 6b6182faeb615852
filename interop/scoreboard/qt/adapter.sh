language=C++ roles="server client"
install() {
  from_debian g++ libqt5websockets5-dev pkg-config &&
    compile -fPIC $(pkg-config --cflags --libs Qt5WebSockets)
}
version() { debian_version libqt5websockets5-dev; }
run() { exec "$dir/bin/qt" "$@"; }
