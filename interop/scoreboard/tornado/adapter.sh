language=Python roles="server client"
install() { from_pypi tornado; }
version() { pypi_version tornado; }
run() { exec "$python" "$here/peer.py" "$@"; }
