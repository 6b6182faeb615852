language=Python roles="server client"
install() { from_pypi autobahn; }
version() { pypi_version autobahn; }
run() { exec "$python" "$here/peer.py" "$@"; }
