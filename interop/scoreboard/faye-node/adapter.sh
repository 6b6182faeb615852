language=JavaScript roles="server client"
install() { from_npm faye-websocket && from_npm permessage-deflate; }
version() { npm_version faye-websocket; }
run() { exec node "$here/peer.cjs" "$@"; }
