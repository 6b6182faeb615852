language=Python roles=client
install() { from_pypi websocket-client; }
version() { pypi_version websocket-client; }
run() { exec "$python" "$here/peer.py" "$@"; }
