language=JavaScript roles="server client"
install() { from_npm websocket; }
version() { npm_version websocket; }
run() { exec node "$here/peer.cjs" "$@"; }
