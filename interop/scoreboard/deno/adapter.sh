language="JavaScript (Deno)" roles="server client"
install() { from_npm deno; }
version() { "$node_modules/.bin/deno" --version | awk 'NR == 1 { print $2 }'; }
run() {
  export DENO_NO_UPDATE_CHECK=1
  local deno=("$node_modules/.bin/deno" run --allow-all --no-config)
  if [ "$1" = server ]; then exec "${deno[@]}" "$here/server.js" "$2"; fi
  exec "${deno[@]}" "$root/interop/scoreboard/web-client.cjs" deno "$2"
}
