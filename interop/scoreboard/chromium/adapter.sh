language=C++ roles=client
install() { command -v chromium >/dev/null || from_debian chromium; }
version() { chromium --version | awk '{ print $2 }'; }
run() {
  local profile
  profile="$(mktemp -d)"
  trap 'rm -rf "$profile"' EXIT
  chromium --headless --no-sandbox --disable-gpu --user-data-dir="$profile" \
    "file://$root/interop/scoreboard/client.html#$2,chromium" &
  wait
}
