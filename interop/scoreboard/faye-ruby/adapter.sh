language=Ruby roles="server client"
install() { from_debian ruby ruby-faye-websocket puma; }
version() { debian_version ruby-faye-websocket; }
run() {
  [ "$1" = client ] && exec ruby "$here/client.rb" "$2"
  exec puma --quiet --threads 16:16 --bind "tcp://127.0.0.1:$2" "$here/server.ru"
}
