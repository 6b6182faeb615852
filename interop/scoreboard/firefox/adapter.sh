language=C++ roles=client
install() { command -v firefox >/dev/null || from_debian firefox-esr; }
version() { firefox --version | awk '{ print $NF }'; }
run() {
  local profile
  profile="$(mktemp -d)"
  trap 'rm -rf "$profile"' EXIT
  # Firefox waits longer and longer before it connects to where a connection has failed.
  echo 'user_pref("network.websocket.delay-failed-reconnects", false);' >"$profile/user.js"
  firefox --headless --no-remote --profile "$profile" \
    "file://$root/interop/scoreboard/client.html#$2,firefox" &
  wait
}
