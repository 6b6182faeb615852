#!/usr/bin/env bash
# The same generated inputs for hybi and for implementations not written here (src/main.rs says which and how).
#
#   interop/differential/run.sh              the short form: some seconds, always the same cases
#   interop/differential/run.sh CASES SEED   so many cases, from this seed
#
# One case in five goes to the Python implementations, too; they are installed into target/differential, which needs python3
# with venv.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
dir="$(cd "$here/../.." && pwd)/target/differential"
mkdir -p "$dir"

if ! python3 -c 'import ensurepip' 2>/dev/null; then
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv
fi
versions=(h11==0.16.0 websockets==17.4 wsproto==1.3.2)
if [ "$(cat "$dir/versions" 2>/dev/null)" != "${versions[*]}" ]; then
  rm -rf "$dir/venv"
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet "${versions[@]}"
  echo "${versions[*]}" >"$dir/versions"
fi

exec cargo run --quiet --locked --release --manifest-path "$here/Cargo.toml" -- "${1:-40000}" "${2:-6455}" "$dir/venv/bin/python"
