language=Java roles=client
install() {
  from_debian openjdk-17-jdk-headless && javac -d "$dir/bin/java-http" "$here/Peer.java"
}
version() { java -version 2>&1 | sed -n '1s/.*"\(.*\)".*/\1/p'; }
run() { exec java -cp "$dir/bin/java-http" Peer "$2"; }
