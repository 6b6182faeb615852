language=Go roles="server client"
install() { from_go golang-golang-x-net-dev; }
version() { debian_version golang-golang-x-net-dev; }
run() { exec "$dir/bin/golang-x-net" "$@"; }
