language=Java roles=server
jars="$(printf '%s:' /usr/share/java/jetty9-*.jar /usr/share/java/servlet-api.jar)"
install() {
  from_debian openjdk-17-jdk-headless libjetty9-extra-java && . "$here/adapter.sh" &&
    javac -cp "$jars" -d "$dir/bin/jetty" "$here/Echo.java"
}
version() { debian_version libjetty9-extra-java; }
run() { exec java -cp "$dir/bin/jetty:$jars" Echo "$2"; }
