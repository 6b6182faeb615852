#!/usr/bin/env bash
# Conversations through the reverse proxies nginx, HAProxy and Caddy with hybi's examples, in the
# configurations of this folder, over HTTP/1.1, TLS and HTTP/2. Then, without a line that
# docs/reverse-proxies.md calls necessary, the failure that the page describes.
#
#   interop/reverse-proxies/run.sh [nginx] [haproxy] [caddy]
#
# It needs the proxies (.ci/more installs them), python3 with venv, curl and openssl. A proxy that
# is missing is left out; then the exit status is 75.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="$root/target/reverse-proxies"
mkdir -p "$dir"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
(cd "$root" && cargo build --quiet --locked --release --features deflate \
  --example echo_server --example chat)
if ! "$dir/venv/bin/python" -c 'import h2, websockets' 2>/dev/null; then
  python3 -m venv "$dir/venv"
  "$dir/venv/bin/pip" install --quiet websockets h2
fi
talk=("$dir/venv/bin/python" "$here/conversation.py")
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$dir/example.key" -out "$dir/example.crt" \
  2>"$dir/openssl.log" || { cat "$dir/openssl.log"; exit 1; }
cat "$dir/example.crt" "$dir/example.key" >"$dir/example.pem"

running=()
trap '[ ${#running[@]} -eq 0 ] || kill "${running[@]}" 2>/dev/null || true' EXIT

# server EXAMPLE: starts it, and puts its port into `port`.
server() {
  local lines="$dir/$1.lines" line
  rm -f "$lines"
  mkfifo "$lines"
  "$CARGO_TARGET_DIR/release/examples/$1" 127.0.0.1:0 >"$lines" 2>"$dir/$1.log" &
  running+=($!)
  exec 3<"$lines"
  read -r line <&3
  port="${line##*:}"
  port="${port%%[!0-9]*}"
}

# proxy NAME BACKEND [SED...]: starts it with its configuration, changed by the sed commands, and
# puts its ports into `plain` and `tls`, its process into `pid`.
proxy() {
  local name="$1" backend="$2" config log="$dir/$1.log" rules=()
  shift 2
  for rule; do rules+=(-e "$rule"); done
  read -r plain tls < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(it.getsockname()[1] for it in sockets))')
  case "$name" in
    nginx) config=nginx.conf ;;
    haproxy) config=haproxy.cfg ;;
    caddy) config=Caddyfile ;;
  esac
  sed -e "s|/etc/ssl/|$dir/|g" -e "s|:8080|:$plain|" -e "s|:8443|:$tls|" -e "s|:9001|:$backend|" \
    ${rules[@]+"${rules[@]}"} "$here/$config" >"$dir/$config"
  case "$name" in
    nginx) nginx -p "$dir" -e stderr -c "$dir/$config" \
      -g "daemon off; pid $dir/nginx.pid; error_log stderr;" 2>"$log" & ;;
    haproxy) haproxy -db -f "$dir/$config" >"$log" 2>&1 & ;;
    caddy) HOME="$dir" XDG_DATA_HOME="$dir" XDG_CONFIG_HOME="$dir" \
      caddy run --adapter caddyfile --config "$dir/$config" >"$log" 2>&1 & ;;
  esac
  pid=$!
  running+=("$pid")
  for port in "$plain" "$tls"; do
    until (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
      kill -0 "$pid" 2>/dev/null || { echo "$name has not started"; cat "$log"; exit 1; }
      sleep 0.05
    done
  done
}

# end: ends the proxy.
end() {
  kill "$pid"
  wait "$pid" 2>/dev/null || true
}

# without NAME SED STATUS WORDS: in a changed configuration the chat's handshake is answered so.
without() {
  echo "  $2"
  proxy "$1" "$chat_port" "$2"
  "${talk[@]}" status "$plain" "$3" "$4"
  end
}

# page: the server's page for a plain GET, by HTTP/2.
page() {
  local got
  got="$(curl -sk --http2 --resolve "localhost:$tls:127.0.0.1" -o /dev/null \
    -w '%{http_version} %{http_code}' "https://localhost:$tls/")"
  [ "$got" = "2 200" ] || { echo "the page by HTTP/2: $got"; exit 1; }
}

# idle NAME SED: a short time-out ends a silent connection.
idle() {
  echo "  $2"
  proxy "$1" "$echo_port" "$2"
  "${talk[@]}" idle "$plain"
  end
}

# heads NAME STATUS STATUS STATUS: how handshakes with long cookies are answered.
heads() {
  proxy "$1" "$echo_port"
  "${talk[@]}" cookie "$plain" 7000 "$2" 12000 "$3" 20000 "$4"
  end
}

server echo_server; echo_port=$port
server chat; chat_port=$port

[ $# -gt 0 ] || set -- nginx haproxy caddy
missing=()
for name; do
  if ! command -v "$name" >/dev/null; then
    missing+=("$name")
    continue
  fi
  case "$name" in
    nginx) nginx -v 2>&1 ;;
    haproxy) haproxy -v | head -1 ;;
    caddy) echo "caddy $(caddy version)" ;;
  esac
  proxy "$name" "$echo_port"
  must_offer=0 # WebSocket over HTTP/2
  [ "$name" != haproxy ] || must_offer=1
  "${talk[@]}" talk "$plain" "$tls" "$must_offer"
  page
  end
  proxy "$name" "$chat_port"
  "${talk[@]}" origins "$plain" "$tls"
  end
  case "$name" in
    nginx)
      heads nginx 101 400 400
      idle nginx 's/read_timeout 90s/read_timeout 1s/'
      without nginx /proxy_http_version/d 400 "HTTP/1.0"
      without nginx '/header Upgrade/d' 404 "nothing here" # taken for a request for a page
      without nginx '/header Connection/d' 400 "Connection"
      without nginx '/header Host/d' 403 "Origin"
      ;;
    haproxy)
      heads haproxy 101 101 400
      idle haproxy 's/tunnel 90s/tunnel 1s/'
      idle haproxy '/tunnel/d; s/ 30s/ 1s/'
      ;;
    caddy) heads caddy 101 101 431 ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "NOT RUN, because they are not installed: ${missing[*]}"
  exit 75
fi
