language=JavaScript roles="server client"
install() { from_npm ws; }
version() { npm_version ws; }
run() { exec node "$here/peer.cjs" "$@"; }
