#!/usr/bin/env bash
# Conversations through the reverse proxies nginx, HAProxy, Caddy and nghttpx with hybi's examples,
# in the configurations of this folder, over HTTP/1.1, TLS and HTTP/2, and with Chromium. Then,
# without a line that docs/reverse-proxies.md calls necessary, the failure that the page describes.
#
#   interop/reverse-proxies/run.sh [nginx] [haproxy] [caddy] [nghttpx]
#
# It needs the proxies and Chromium (.ci/more installs them), python3 with venv, curl and openssl.
# What is missing is left out; then the exit status is 75.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
dir="$root/target/reverse-proxies"
mkdir -p "$dir"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target}"
(cd "$root" && cargo build --quiet --locked --release --features deflate \
  --example echo_server --example chat)
cargo build --quiet --locked --release --manifest-path "$root/interop/Cargo.toml" -p hybi-http-h2
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

# server PROGRAM: starts it, and puts its port into `port`.
server() {
  local name="${1##*/}" lines="$dir/${1##*/}.lines" line
  rm -f "$lines"
  mkfifo "$lines"
  "$CARGO_TARGET_DIR/release/$1" 127.0.0.1:0 >"$lines" 2>"$dir/$name.log" &
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
  # Two free ports, and none that the system may give to a connection in the meantime.
  read -r plain tls < <(python3 -c '
import random, socket
sockets = []
while len(sockets) < 2:
    try:
        sockets.append(socket.create_server(("127.0.0.1", random.randrange(20_000, 32_000))))
    except OSError:
        pass
print(*(it.getsockname()[1] for it in sockets))')
  case "$name" in
    nginx) config=nginx.conf ;;
    haproxy) config=haproxy.cfg ;;
    caddy) config=Caddyfile ;;
    nghttpx) config=nghttpx.conf ;;
  esac
  sed -e "s|/etc/ssl/|$dir/|g" -e "s|\([:,]\)8080|\1$plain|" \
    -e "s|\([:,]\)8443|\1$tls|" -e "s|\([:,]\)9001|\1$backend|" \
    ${rules[@]+"${rules[@]}"} "$here/$config" >"$dir/$config"
  case "$name" in
    nginx) nginx -p "$dir" -e stderr -c "$dir/$config" \
      -g "daemon off; pid $dir/nginx.pid; error_log stderr;" 2>"$log" & ;;
    haproxy) haproxy -db -f "$dir/$config" >"$log" 2>&1 & ;;
    caddy) HOME="$dir" XDG_DATA_HOME="$dir" XDG_CONFIG_HOME="$dir" \
      caddy run --adapter caddyfile --config "$dir/$config" >"$log" 2>&1 & ;;
    nghttpx) nghttpx --conf="$dir/$config" --errorlog-file="$log" >"$log" 2>&1 & ;;
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

# browser NAME VERSION LOG [HTTP2]: Chromium gets a page by HTTP/2 and opens WebSockets by that
# version of HTTP. The proxy's log knows: the sed command LOG asks for one. With the sed command
# HTTP2, the proxy speaks HTTP/2 to hybi as well.
browser() {
  ((has_chromium)) || return 0
  local name="$1" version="$2" other=$((3 - $2)) backend="$echo_port" answer=()
  [ $# -lt 4 ] || { backend="$h2_port"; answer=(--http HTTP/2.0); }
  proxy "$name" "$backend" "${@:3}"
  "$dir/venv/bin/python" "$here/../http/browser.py" ${answer[@]+"${answer[@]}"} \
    "https://localhost:$tls/" "wss://localhost:$tls/echo" "$dir/example.crt" -- --disable-quic
  end
  # In a log, an extended CONNECT is often a GET with a 101. Caddy 2.6 writes 0 for the 101.
  opened() {
    grep -cE "HTTP/$1[^ ]* 101|CONNECT .* HTTP/$1[^ ]* 200|HTTP/$1.*\"status\":0" "$dir/$name.log"
  }
  if [ "$(opened "$version")" -lt 2 ] || [ "$(opened "$other")" -ne 0 ]; then
    echo "these not by HTTP/$version, or not all of them"
    cat "$dir/$name.log"
    exit 1
  fi
  echo "    they are by HTTP/$version, says $name"
}

# heads NAME STATUS STATUS STATUS: how handshakes with long cookies are answered.
heads() {
  proxy "$1" "$echo_port"
  "${talk[@]}" cookie "$plain" 7000 "$2" 12000 "$3" 20000 "$4"
  end
}

server examples/echo_server; echo_port=$port
server examples/chat; chat_port=$port
server hybi-http-h2; h2_port=$port # knows HTTP/2 only

[ $# -gt 0 ] || set -- nginx haproxy caddy nghttpx
missing=() has_chromium=1
command -v "${CHROMIUM:-chromium}" >/dev/null || { missing+=(chromium); has_chromium=0; }
for name; do
  if ! command -v "$name" >/dev/null; then
    missing+=("$name")
    continue
  fi
  case "$name" in
    nginx) nginx -v 2>&1 ;;
    haproxy) haproxy -v | sed -n 1p ;;
    caddy) echo "caddy $(caddy version)" ;;
    nghttpx) nghttpx --version ;;
  esac
  proxy "$name" "$echo_port"
  must_offer=0 # WebSocket over HTTP/2
  [[ "$name" != haproxy && "$name" != nghttpx ]] || must_offer=1
  "${talk[@]}" talk "$plain" "$tls" "$must_offer"
  page
  end
  proxy "$name" "$chat_port"
  "${talk[@]}" origins "$plain" "$tls"
  end
  case "$name" in
    nginx)
      browser nginx 1 '/location/i access_log /dev/stderr;'
      heads nginx 101 400 400
      idle nginx 's/read_timeout 90s/read_timeout 1s/'
      without nginx /proxy_http_version/d 400 "HTTP/1.0"
      without nginx '/header Upgrade/d' 404 "nothing here" # taken for a request for a page
      without nginx '/header Connection/d' 400 "Connection"
      without nginx '/header Host/d' 403 "Origin"
      ;;
    haproxy)
      log='/mode http/a log stdout format raw local0\nlog-format "%HM %HPO %HV %ST"'
      browser haproxy 2 "$log"
      browser haproxy 2 "$log" 's/server hybi .*/& proto h2/'
      heads haproxy 101 101 400
      idle haproxy 's/tunnel 90s/tunnel 1s/'
      idle haproxy '/tunnel/d; s/ 30s/ 1s/'
      ;;
    caddy)
      browser caddy 1 '/bind/a log'
      heads caddy 101 101 431
      ;;
    nghttpx)
      log='$a accesslog-file=/dev/stderr'
      browser nghttpx 2 "$log"
      browser nghttpx 2 "$log" 's/^backend=.*/&;;proto=h2/'
      heads nghttpx 101 101 431
      idle nghttpx 's/backend-read-timeout=90s/backend-read-timeout=1s/'
      ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "NOT RUN, because they are not installed: ${missing[*]}"
  exit 75
fi
