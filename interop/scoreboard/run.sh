#!/usr/bin/env bash
# Runs hybi-conform against other people's WebSocket servers and clients, and writes the table in
# docs/evidence/scoreboard.md. Installs what it can into target/scoreboard, and Debian packages if
# it may; says what it skipped, and why.
#
#   interop/scoreboard/run.sh              all implementations, and the table
#   interop/scoreboard/run.sh ws aiohttp   these, without the table
#   --only GROUP                           this group; may be given several times. The results of
#                                          other groups from an earlier run stay. http2 is for the
#                                          few that have that role, which runs nothing else
#   --hostile                              also floods and bombs, against the servers, which run on
#                                          this machine
#
# Each folder beside this file is an implementation. Its adapter.sh says in which language it is,
# which roles it has, and how it is installed and run.
set -uo pipefail
scoreboard="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$scoreboard/../.." && pwd)"
dir="$root/target/scoreboard"
python="$dir/venv/bin/python" node_modules="$dir/node/node_modules"
export NODE_PATH="$node_modules" DEBIAN_FRONTEND=noninteractive
mkdir -p "$dir/node" "$dir/results" "$dir/bin"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"

# Functions for adapters. Each fails if the thing cannot be had.

from_pypi() {
  [ -x "$python" ] || python3 -m venv "$dir/venv" || return
  "$python" -m pip show --quiet "$1" 2>/dev/null || "$python" -m pip install --quiet "$1"
}
pypi_version() { "$python" -c "import importlib.metadata as m; print(m.version('$1'))"; }

from_npm() {
  [ -d "$node_modules/$1" ] || npm install --silent --no-audit --no-fund --prefix "$dir/node" "$1"
}
npm_version() { node -p "require('$node_modules/$1/package.json').version"; }

from_debian() {
  local package
  for package; do
    debian_version "$package" >/dev/null || apt-get install -y --no-install-recommends "$package" ||
      return
  done
}
debian_version() {
  # Without the epoch and Debian's revision.
  dpkg-query -W -f='${Status} ${Version}\n' "$1" 2>/dev/null |
    sed -n 's/^install ok installed \([0-9]*:\)\?\([^-+~]*\).*/\2/p' | grep .
}

# Builds a Go program with the modules in Debian's packages, which need no network.
from_go() {
  from_debian golang-go "$1" || return
  GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="$dir/go" \
    go build -o "$dir/bin/$name" "$here"/*.go
}

# Builds a C++ program: compile FLAGS.
compile() { c++ -O2 -o "$dir/bin/$name" "$here"/peer.cpp "$@"; }

# Builds one of the Rust programs.
from_crates() {
  cargo build --quiet --locked --release --manifest-path "$root/interop/Cargo.toml" \
    --target-dir "$dir/cargo" -p hybi-scoreboard --bin "$1"
}
crate_version() {
  sed -n "s/^$1 = .*\"=\([0-9.]*\)\".*/\1/p" "$scoreboard/Cargo.toml"
}

free_port() {
  python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# Starts an echo server for an intermediary, on the port $behind, and waits until it listens.
start_behind() {
  behind="$(free_port)"
  "$python" "$scoreboard/python-websockets/peer.py" server "$behind" &
  until (: <"/dev/tcp/127.0.0.1/$behind") 2>/dev/null; do
    kill -0 $! || return
    sleep 0.1
  done
}

# Runs a command with our own signals, and ends all that it started.
start() {
  setsid "$@" &
  started=$!
}
stop() { kill -- "-$1" 2>/dev/null; wait "$1" 2>/dev/null; }

options=(--timeout 10) only=() groups=() hostile=()
while [ $# -gt 0 ]; do
  case $1 in
    --only)
      groups+=("$2")
      [ "$2" = http2 ] || only+=(--only "$2")
      shift 2
      ;;
    --hostile) hostile=(--hostile) && shift ;;
    *) break ;;
  esac
done

# Says whether one of the groups that were chosen is for this role.
has_group() {
  local group
  [ ${#groups[@]} -gt 0 ] || return 0
  for group in "${groups[@]}"; do
    case "$1 $group" in
      "http2 http2") return ;;
      "client hostile" | "http2 "* | *" http2") ;;
      *) return ;;
    esac
  done
  false
}

# Tests a server: run_server ROLE DIRECTORY OPTIONS.
run_server() {
  local port role="$1" out="$2"
  port="$(free_port)"
  start bash -c 'source "$0"; run "$1" "$2"' "$here/adapter.sh" "$role" "$port" \
    >"$out/adapter.log" 2>&1
  "$conform" server --wait 60 "${options[@]}" "${@:3}" \
    --report "$out/report" "ws://127.0.0.1:$port/" >"$out/summary.txt" 2>"$out/progress.log"
  stop "$started"
}
test_server() { run_server server "$1" "${hostile[@]}" "${only[@]}"; }

# Without TLS, the server speaks HTTP/2 from the first byte.
test_http2() { run_server http2 "$1" --only http2; }

test_client() {
  local port out="$1" line
  port="$(free_port)"
  mkfifo "$out/progress"
  local chosen=("${only[@]}")
  [ ${#only[@]} -gt 0 ] ||
    chosen=(--only autobahn --only framing --only handshake --only closing --only utf8-early)
  "$conform" client --listen "127.0.0.1:$port" "${options[@]}" "${chosen[@]}" \
    --report "$out/report" >"$out/summary.txt" 2>"$out/progress" &
  local tester=$!
  exec 3<"$out/progress"
  read -r line <&3 # It listens.
  start bash -c 'source "$0"; run client "$1"' "$here/adapter.sh" "ws://127.0.0.1:$port" \
    >"$out/adapter.log" 2>&1
  # A client that ends early leaves a tester that waits.
  (
    wait_for="$started"
    while kill -0 "$wait_for" 2>/dev/null && kill -0 "$tester" 2>/dev/null; do sleep 1; done
    sleep 5
    kill "$tester" 2>/dev/null
  ) &
  cat <&3 >"$out/progress.log"
  exec 3<&-
  rm -f "$out/progress"
  wait "$tester" 2>/dev/null
  stop "$started"
}

cargo build --quiet --locked --release -p hybi-conform --manifest-path "$root/Cargo.toml" || exit
conform="$CARGO_TARGET_DIR/release/hybi-conform"
names=("$@")
if [ $# -eq 0 ]; then
  mapfile -t names < <(cd "$scoreboard" && for it in */adapter.sh; do dirname "$it"; done)
fi
export -f from_pypi from_npm from_debian free_port start_behind
export python node_modules root scoreboard dir here name

skipped="$dir/results/skipped"
[ $# -gt 0 ] || : >"$skipped"
for name in "${names[@]}"; do
  here="$scoreboard/$name"
  if [ ! -e "$here/adapter.sh" ]; then
    echo "$name: there is no $here/adapter.sh"
    exit 2
  fi
  source "$here/adapter.sh"
  log="$dir/results/$name.install.log"
  if ! install >"$log" 2>&1; then
    echo "$name: skipped, it cannot be installed: $(tail -n 1 "$log")" | tee -a "$skipped"
    continue
  fi
  for role in $roles; do
    has_group "$role" || continue
    # table.py puts the parts together.
    out="$dir/results/$name-$role$(printf '+%s' "${groups[@]}" | sed 's/^+$//')"
    rm -rf "$out"
    mkdir -p "$out"
    printf '%s\n' "$name" "$(version)" "$language" "$role" "$(date +%F)" >"$out/about"
    "test_$role" "$out"
    if [ ! -e "$out/report/results.json" ]; then
      echo "$name, $role: no result: $(tail -n 1 "$out/progress.log")" | tee -a "$skipped"
      continue
    fi
    echo "$name $(version), $role: $(sed -n 's/^all  *//p' "$out/summary.txt")"
  done
done
[ $# -gt 0 ] || python3 "$scoreboard/table.py" "$dir/results" "$conform" \
  >"$root/docs/evidence/scoreboard.md"
