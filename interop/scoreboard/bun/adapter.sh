language="JavaScript (Bun)" roles="server client"
install() { from_npm bun; }
version() { "$node_modules/.bin/bun" --version; }
run() {
  if [ "$1" = server ]; then exec "$node_modules/.bin/bun" "$here/server.js" "$2"; fi
  exec "$node_modules/.bin/bun" "$root/interop/scoreboard/web-client.cjs" bun "$2"
}
