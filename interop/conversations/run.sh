#!/usr/bin/env bash
# Conversations with two implementations not written here, Python's websockets and Node's ws: their clients with our server,
# our client with their servers; plain, and with permessage-deflate: for windows of 9 to 15 bits with and without context
# takeover, for a client whose window the server cannot limit, and where a server declines what our client asks for. Each end
# checks what was agreed on, and that what it sent comes back. Installs what is missing into target/conversations; needs
# python3 with venv, and npm.
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

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/interop/target}"
cargo build --quiet --locked --release --manifest-path "$here/Cargo.toml"
ours=("$CARGO_TARGET_DIR/release/hybi-conversations")
python=("$dir/venv/bin/python" "$here/peer.py")
node=(node "$here/peer.mjs")

server=
stop() { [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; server=; }
trap stop EXIT

# converse NAME SERVER... -- CLIENT...
converse() {
  local name="$1" command=()
  shift
  while [ "$1" != -- ]; do command+=("$1"); shift; done
  shift
  rm -f "$dir/ports" "$dir/errors"
  mkfifo "$dir/ports"
  "${command[@]}" >"$dir/ports" 2>"$dir/errors" &
  server=$!
  local lines=() line
  while IFS= read -r line && [ -n "$line" ]; do lines+=("$line"); done <"$dir/ports"
  if [ "${#lines[@]}" -ne 17 ]; then
    echo "$name: the server has not started"; cat "$dir/errors"; exit 1
  fi
  local outcome
  if ! outcome="$(printf '%s\n' "${lines[@]}" | timeout 300 "$@")" || [ "$outcome" != "17 modes" ] || [ -s "$dir/errors" ]; then
    echo "$name: FAILED $outcome"; cat "$dir/errors"; exit 1
  fi
  stop
  echo "$name: $outcome, all the same"
}

converse "Python websockets to our server" "${ours[@]}" server -- "${python[@]}" client
converse "our client to Python websockets" "${python[@]}" server -- "${ours[@]}" client
converse "Node ws to our server" "${ours[@]}" server -- "${node[@]}" client "$dir"
converse "our client to Node ws" "${node[@]}" server "$dir" -- "${ours[@]}" client
echo "interoperation: 68 conversations, none differs"
