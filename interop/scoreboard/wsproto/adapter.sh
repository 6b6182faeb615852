language=Python roles="server client"
install() { from_pypi wsproto; }
version() { pypi_version wsproto; }
run() { exec "$python" "$here/peer.py" "$@"; }
