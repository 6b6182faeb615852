language=C roles=http2
install() { from_debian haproxy && from_pypi websockets; }
version() { debian_version haproxy; }
run() {
  start_behind || return
  export port="$2" behind
  exec haproxy -db -f "$here/haproxy.cfg"
}
