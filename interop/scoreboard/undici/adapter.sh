language=JavaScript roles=client
install() { from_npm undici; }
version() { npm_version undici; }
run() { exec node "$root/interop/scoreboard/web-client.cjs" undici "$2"; }
