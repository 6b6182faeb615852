language=JavaScript roles=http2
install() { from_npm ws; }
version() { node --version | tr -d v; }
run() { exec node "$here/peer.cjs" "$2"; }
