language=Python roles="server client"
install() { from_pypi websockets; }
version() { pypi_version websockets; }
run() { exec "$python" "$here/peer.py" "$@"; }
