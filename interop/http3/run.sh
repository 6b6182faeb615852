#!/usr/bin/env bash
# Conversations over HTTP/3 (RFC 9220) with our server on quiche: Python's aioquic and wsproto, then
# Chromium.
#
#   interop/http3/run.sh
#
# Installs the client into target/http3. It needs python3 with venv, openssl, and for quiche's
# BoringSSL CMake, a C++ compiler and libclang (.ci/more installs them). Without Chromium, the exit
# status is 75.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="$root/target/http3"
mkdir -p "$dir"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/target}"
cargo build --quiet --locked --release --manifest-path "$here/Cargo.toml"
if ! "$dir/venv/bin/python" -c 'import aioquic, websockets, wsproto' 2>/dev/null; then
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet aioquic websockets wsproto
fi
"$dir/venv/bin/pip" list 2>/dev/null | grep -E '^(aioquic|wsproto) '
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$dir/example.key" -out "$dir/example.crt" \
  2>"$dir/openssl.log" || { cat "$dir/openssl.log"; exit 1; }

coproc server {
  exec "$CARGO_TARGET_DIR/release/hybi-http3" "$dir/example.crt" "$dir/example.key" 2>"$dir/errors"
}
trap 'kill "$server_PID" 2>/dev/null || true; cat "$dir/errors"' EXIT
exec 3<&"${server[0]}"
read -r port <&3

# ends COUNT: the server has said of so many WebSockets how they ended, as in the standard input.
ends() {
  local line
  diff - <(
    for _ in $(seq "$1"); do
      read -r -t 30 line <&3 || line="the server says nothing"
      echo "$line"
    done | LC_ALL=C sort
  )
}

timeout 120 "$dir/venv/bin/python" "$here/client.py" "$port" "$dir/example.crt"
ends 7 <<'ENDS'
/deflate: 3001 "Grüße"
/many/0: the connection ended without a Close frame, between messages (RFC 6455 §7.1.5)
/many/1: the connection ended without a Close frame, between messages (RFC 6455 §7.1.5)
/many/2: the peer sent an unmasked frame; a client must mask (RFC 6455 §5.1)
/many/3: 1000 ""
/many/4: 4999 "enough"
/plain: 1000 "done"
ENDS

if ! command -v "${CHROMIUM:-chromium}" >/dev/null; then
  echo "NOT RUN, because it is not installed: chromium"
  exit 75
fi
# The server has no other protocol. Chromium does this only with that flag.
timeout 120 "$dir/venv/bin/python" "$here/../http/browser.py" --by h3 "https://localhost:$port/" \
  "wss://localhost:$port/chromium" "$dir/example.crt" -- \
  --enable-features=EnableWebsocketsOverHttp3 "--origin-to-force-quic-on=localhost:$port"
ends 2 <<'ENDS'
/chromium: 3001 "enough"
/chromium: 3002 "enough"
ENDS
[ ! -s "$dir/errors" ]
