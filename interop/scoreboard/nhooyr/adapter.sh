language=Go roles="server client"
install() { from_go golang-nhooyr-websocket-dev; }
version() { debian_version golang-nhooyr-websocket-dev; }
run() { exec "$dir/bin/nhooyr" "$@"; }
