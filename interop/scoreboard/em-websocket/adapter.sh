language=Ruby roles=server
install() { from_debian ruby ruby-em-websocket; }
version() { debian_version ruby-em-websocket; }
run() { exec ruby "$here/server.rb" "$2"; }
