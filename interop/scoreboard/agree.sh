#!/usr/bin/env bash
# Compares hybi-conform with the real Autobahn testsuite, case by case: runs the suite against
# implementations of the scoreboard, which run.sh has tested before, and prints the differences.
# Needs target/autobahn, where .ci/more autobahn installs the suite.
#
#   interop/scoreboard/agree.sh ws aiohttp              categories 1 to 7 and 10: 15 s for each role
#   interop/scoreboard/agree.sh --full CASES ws aiohttp   these cases in full size: '9.* 12.1.1'
set -euo pipefail
scoreboard="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$scoreboard/../.." && pwd)"
dir="$root/target/scoreboard" suite="$root/target/autobahn"
python="$dir/venv/bin/python" node_modules="$dir/node/node_modules"
conform="${CARGO_TARGET_DIR:-$root/target}/release/hybi-conform"
export NODE_PATH="$node_modules" python node_modules root scoreboard dir
full=()
if [ "$1" = --full ]; then
  read -ra full <<<"$2" # Without expanding the asterisks.
  shift 2
fi
cases=("${full[@]}")
[ -n "${full:-}" ] || cases=('1.*' '2.*' '3.*' '4.*' '5.*' '6.*' '7.*' '10.*')

free_port() {
  python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
run_adapter() {
  setsid bash -c 'source "$here/adapter.sh"; run "$@"' bash "$@" >"$out/adapter.log" 2>&1 &
}
stop() { kill -- "-$1" 2>/dev/null || true; }

server() {
  run_adapter server "$port"
  local adapter=$!
  if [ -n "${full:-}" ]; then
    "$conform" server --wait 60 --timeout 60 --full --jobs 2 --only autobahn --report "$ours" \
      "ws://127.0.0.1:$port/" "${cases[@]}" >"$out/conform.log" 2>&1 || true
  fi
  # The suite waits five seconds for the server.
  AGENT="$name" "$suite/run-server-suite.sh" "127.0.0.1:$port" "$out" "${cases[@]}" \
    >"$out.log" 2>&1 || true
  stop "$adapter"
}

client() {
  if [ -n "${full:-}" ]; then
    "$conform" client --listen "127.0.0.1:$port" --timeout 60 --full --only autobahn \
      --report "$ours" "${cases[@]}" >"$out/conform.log" 2>&1 &
    local tester=$!
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
    run_adapter client "ws://127.0.0.1:$port"
    wait "$tester" || true
    stop $!
    port="$(free_port)"
  fi
  "$suite/start-fuzzingserver.sh" "$port" "$out" "${cases[@]}" >"$out.log"
  run_adapter client "ws://127.0.0.1:$port"
  local adapter=$!
  # A browser does not end by itself.
  while kill -0 "$adapter" 2>/dev/null && [ ! -e "$out/index.json" ]; do sleep 0.5; done
  stop "$adapter"
  "$suite/start-fuzzingserver.sh" --stop "$out" || true
}

for name; do
  here="$scoreboard/$name"
  export name here
  source "$here/adapter.sh"
  for role in $roles; do
    out="$dir/autobahn/$name-$role" port="$(free_port)"
    ours="$dir/results/$name-$role/report"
    if [ -n "${full:-}" ]; then
      out="$dir/autobahn/full-$name-$role" ours="$dir/autobahn/conform-$name-$role"
    fi
    mkdir -p "$out"
    "$role"
    echo "$name, $role: $(python3 "$scoreboard/agree.py" "$out/index.json" "$ours/index.json")"
  done
done
