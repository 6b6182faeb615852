language=C++ roles=http2
install() { from_debian nghttp2-proxy && from_pypi websockets; }
version() { debian_version nghttp2-proxy; }
run() {
  start_behind || return
  exec nghttpx --conf=/dev/null --workers=1 --frontend="127.0.0.1,$2;no-tls" \
    --backend="127.0.0.1,$behind"
}
