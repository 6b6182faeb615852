language=Go roles="server client"
install() { from_go golang-github-gorilla-websocket-dev; }
version() { debian_version golang-github-gorilla-websocket-dev; }
run() { exec "$dir/bin/gorilla" "$@"; }
