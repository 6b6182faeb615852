language=Python roles="server client"
install() { from_pypi aiohttp; }
version() { pypi_version aiohttp; }
run() { exec "$python" "$here/peer.py" "$@"; }
