language=Java roles=server
tomcat=/usr/share/java/tomcat10
jars="$(printf "%s:" $tomcat-{annotations-api,embed-core,embed-el,embed-websocket}.jar)"
install() {
  from_debian openjdk-17-jdk-headless libtomcat10-embed-java libtomcat10-java &&
    javac -cp "$jars" -d "$dir/bin/tomcat" "$here/Echo.java"
}
version() { debian_version libtomcat10-embed-java; }
run() { exec java -cp "$dir/bin/tomcat:$jars" Echo "$2"; }
