#!/usr/bin/env bash
# A hundred clients of Python's websockets talk to the example `handover` while one process takes
# over from the other, three times. Each checks that all its messages come back, once and in order.
# Installs websockets into target/conversations; needs python3 with venv.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
venv="$root/target/conversations/venv"

if ! "$venv/bin/python" -c 'import websockets' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet websockets
fi
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
cargo build --quiet --locked --manifest-path "$root/Cargo.toml" -p hybi-handover
exec timeout 300 "$venv/bin/python" "$here/clients.py" "$CARGO_TARGET_DIR/debug/handover"
