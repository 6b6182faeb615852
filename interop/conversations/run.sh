#!/usr/bin/env bash
# Conversations of hybi's adapters, `hybi::blocking` and hybi-tokio, with four implementations not
# written here: Python's websockets, Node's ws, and in Rust tokio-tungstenite and yawc. Their
# clients talk to our servers and our clients to their servers, over TCP and over TLS; plain, and
# with permessage-deflate: for windows of 9 to 15 bits with and without context takeover, for a
# client whose window the server cannot limit, and where a server declines what our client asks for.
# Each end checks what was agreed on, and that its messages come back. Installs missing packages
# into target/conversations; needs python3 with venv, npm and openssl.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="$root/target/conversations"
mkdir -p "$dir"

if ! "$dir/venv/bin/python" -c 'import websockets' 2>/dev/null; then
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet websockets
fi
[ -d "$dir/node_modules/ws" ] || npm install --silent --no-audit --no-fund --prefix "$dir" ws >/dev/null
# A certificate of no authority, which the clients trust and nobody else.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 \
  -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -addext basicConstraints=critical,CA:FALSE -keyout "$dir/key.pem" -out "$dir/cert.pem" \
  2>"$dir/openssl.log" || { cat "$dir/openssl.log"; exit 1; }

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/interop/target}"
cargo build --quiet --locked --release --manifest-path "$here/Cargo.toml"
rust="$CARGO_TARGET_DIR/release/hybi-conversations"
blocking=("$rust" blocking)
tokio=("$rust" tokio)
tungstenite=("$rust" tokio-tungstenite)
yawc=("$rust" yawc)
python=("$dir/venv/bin/python" "$here/peer.py")
node=(node "$here/peer.mjs" "$dir")

server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; server=; }
trap stop EXIT
total=0

# converse SCHEME MODES SERVER CLIENT: the last two are names of the arrays above.
converse() {
  local -n command="$3" client="$4"
  local name="$1, $4 to $3" modes="$2" keys=() trust=() lines=() line outcome
  [ "$1" = ws ] || keys=("$dir/cert.pem" "$dir/key.pem") trust=("$dir/cert.pem")
  rm -f "$dir/ports" "$dir/errors"
  mkfifo "$dir/ports"
  "${command[@]}" server "${keys[@]}" >"$dir/ports" 2>"$dir/errors" &
  server=$!
  while IFS= read -r line && [ -n "$line" ]; do lines+=("$line"); done <"$dir/ports"
  # A client of one mode gets one.
  if [ "${#lines[@]}" -lt "$modes" ]; then
    echo "$name: the server has not started"; cat "$dir/errors"; exit 1
  fi
  if ! outcome="$(printf '%s\n' "${lines[@]:0:$modes}" |
      timeout 300 "${client[@]}" client "${trust[@]}")" ||
    [ "$outcome" != "$modes modes" ] || [ -s "$dir/errors" ]; then
    echo "$name: FAILED $outcome"; cat "$dir/errors"; exit 1
  fi
  stop
  total=$((total + modes))
  echo "$name: $outcome, all the same"
}

for scheme in ws wss; do
  for ours in blocking tokio; do
    for theirs in python node yawc; do
      converse "$scheme" 17 "$ours" "$theirs"
    done
    converse "$scheme" 1 "$ours" tungstenite # it has no compression
    converse "$scheme" 17 python "$ours"
    converse "$scheme" 17 node "$ours"
    converse "$scheme" 2 yawc "$ours"
    converse "$scheme" 1 tungstenite "$ours"
  done
done
echo "interoperation: $total conversations, none differs"
