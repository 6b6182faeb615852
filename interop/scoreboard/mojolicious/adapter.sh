language=Perl roles="server client"
install() { from_debian libmojolicious-perl; }
version() { debian_version libmojolicious-perl; }
run() { MOJO_MAX_WEBSOCKET_SIZE=33554432 exec perl "$here/peer.pl" "$@"; }
