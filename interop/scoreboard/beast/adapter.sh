language=C++ roles="server client"
install() { from_debian g++ libboost-dev && compile -pthread; }
version() { debian_version libboost1.74-dev; }
run() { exec "$dir/bin/beast" "$@"; }
