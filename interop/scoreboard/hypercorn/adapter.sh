language=Python roles=http2
install() { from_pypi hypercorn; }
version() { pypi_version hypercorn; }
run() { exec "$python" "$here/peer.py" "$2"; }
