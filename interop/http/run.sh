#!/usr/bin/env bash
# Conversations over HTTP/2 (RFC 8441) with implementations not written here: Chromium, Python and
# Node with our server on the crate h2 and with that of hybi-tokio behind hyper, over TLS; and our
# client with servers of Python and Node. Chromium also talks to hybi-tokio over HTTP/1.1.
#
#   interop/http/run.sh
#
# Installs what is missing into target/http. It needs Chromium, python3 with venv, npm and openssl.
# Without Chromium, the exit status is 75.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="$root/target/http"
mkdir -p "$dir"
if ! "$dir/venv/bin/python" -c 'import h2, hypercorn, websockets' 2>/dev/null; then
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet h2 hypercorn websockets
fi
[ -d "$dir/node_modules/ws" ] ||
  npm install --silent --no-audit --no-fund --prefix "$dir" ws >/dev/null
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/interop/target}"
cargo build --quiet --locked --release --manifest-path "$here/h2/Cargo.toml" --bins --examples
cargo build --quiet --locked --release --manifest-path "$here/tokio/Cargo.toml"
python=("$dir/venv/bin/python" "$here/peer.py")
node=(node "$here/peer.mjs")
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
  -keyout "$dir/example.key" -out "$dir/example.crt" \
  2>"$dir/openssl.log" || { cat "$dir/openssl.log"; exit 1; }

trap '[ -z "${server_PID:-}" ] || kill "$server_PID"; cat "$dir/errors"' EXIT

# start COMMAND...: starts a server, whose first line ends in its port, which goes into `port`.
start() {
  coproc server { exec "$@" 2>"$dir/errors"; }
  exec 3<&"${server[0]}"
  read -r port <&3
  port="${port##*:}"
}

# stop: ends it. It must not have complained, but that Chromium ends TCP as it likes.
stop() {
  kill "$server_PID"
  wait "$server_PID" || true
  server_PID=
  ! grep -qv close_notify "$dir/errors"
}

# expect LINE...: the server's next lines, in any order.
expect() {
  local line
  diff <(printf '%s\n' "$@" | LC_ALL=C sort) <(
    for _; do
      read -r -t 30 line <&3 && echo "$line"
    done | LC_ALL=C sort
  )
}

# browse BY HTTP [OPTION...] -- FLAG...: Chromium with the server; it must come by that protocol.
status=0
browse() {
  local options=(--by "$1" --http "$2")
  shift 2
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  if ! command -v "${CHROMIUM:-chromium}" >/dev/null; then
    echo "NOT RUN, because it is not installed: chromium"
    status=75
    return 1
  fi
  timeout 120 "$dir/venv/bin/python" "$here/browser.py" "${options[@]}" \
    "https://localhost:$port/" "wss://localhost:$port/echo" "$dir/example.crt" "$@" || exit 1
}

echo "our server on h2:"
start "$CARGO_TARGET_DIR/release/hybi-http-h2" 127.0.0.1:0 \
  --tls "$dir/example.crt" "$dir/example.key"
printf "  Python's h2 and websockets: "
timeout 120 "${python[@]}" client "$port" "$dir/example.crt"
expect '3001 "enough"'
printf "  Node's http2 and the frames of ws: "
timeout 120 "${node[@]}" client "$dir" "$port" "$dir/example.crt"
expect '3001 "enough"'
if browse h2 HTTP/2.0 -- --disable-quic; then
  expect '1000 (normal closure)' '3001 "enough"' '3002 "enough"' # the first is the page's own
fi
stop

echo "hybi-tokio behind hyper:"
start "$CARGO_TARGET_DIR/release/hybi-http-tokio" 127.0.0.1:0 "$dir/example.crt" "$dir/example.key"
printf "  Python's h2 and websockets: "
timeout 120 "${python[@]}" client "$port" "$dir/example.crt"
expect 'HTTP/2.0 3001 "enough"' 'HTTP/2.0 403' 'HTTP/2.0 403' 'HTTP/2.0 403'
printf "  Node's http2 and the frames of ws: "
timeout 120 "${node[@]}" client "$dir" "$port" "$dir/example.crt"
expect 'HTTP/2.0 3001 "enough"' 'HTTP/2.0 403' 'HTTP/2.0 403'
# The page of localhost may not connect to 127.0.0.1, although that is the same server.
for protocol in h2 http/1.1; do
  flags=(--disable-quic) http=HTTP/2.0
  [ "$protocol" = h2 ] || flags+=(--disable-http2) http=HTTP/1.1
  if browse "$protocol" "$http" --closes "wss://localhost:$port/echo" \
    --refuses "wss://127.0.0.1:$port/echo" -- "${flags[@]}"; then
    # Chromium asks 127.0.0.1 by HTTP/1.1, since it has no connection to it yet.
    expect "$http 1001 (going away) \"yes\"" "$http 3001 \"enough\"" "$http 3002 \"enough\"" 'HTTP/1.1 403'
  fi
done
stop

echo "our client:"
start "${python[@]}" server
printf "  our client to Python's hypercorn: "
timeout 120 "$CARGO_TARGET_DIR/release/examples/client" "127.0.0.1:$port"
stop
start "${node[@]}" server "$dir"
printf "  our client to Node's http2 and the frames of ws: "
timeout 120 "$CARGO_TARGET_DIR/release/examples/client" "127.0.0.1:$port"
stop
exit "$status"
