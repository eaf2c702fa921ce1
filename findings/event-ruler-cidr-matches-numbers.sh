#!/usr/bin/env bash
# event-ruler 2.1.0, AWS's matcher of event patterns, finds JSON numbers within a range of IP addresses.
#
# `cidr` is for addresses ("IP Address Matching" in its README), which are compared by their hexadecimal digits. A
# number's own digits are compared with those too, up to the first that decides: 15 is within 16.0.0.0/4 (10000000 to
# 1FFFFFFF). A numeric condition in the same list turns that off.
#
# Output seen:
#   {"a": [{"cidr": "16.0.0.0/4"}]} on {"a": 15}: true
#   {"a": [{"cidr": "16.0.0.0/4"}]} on {"a": 25}: false
#   {"a": [{"cidr": "16.0.0.0/4"}, {"numeric": ["<", 0]}]} on {"a": 15}: false
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/pom.xml" <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>software.amazon.event.ruler</groupId>
      <artifactId>event-ruler</artifactId>
      <version>2.1.0</version>
    </dependency>
  </dependencies>
</project>
POM
mvn --batch-mode --quiet --file "$folder/pom.xml" -DoutputDirectory="$folder/lib" \
    org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy-dependencies >"$folder/mvn.log" 2>&1

cat >"$folder/Finding.java" <<'JAVA'
import software.amazon.event.ruler.Ruler;

public class Finding {
    static void show(String pattern, String event) throws Exception {
        System.out.println(pattern + " on " + event + ": " + Ruler.matchesRule(event, pattern));
    }

    public static void main(String[] arguments) throws Exception {
        show("{\"a\": [{\"cidr\": \"16.0.0.0/4\"}]}",
            "{\"a\": 15}");
        show("{\"a\": [{\"cidr\": \"16.0.0.0/4\"}]}",
            "{\"a\": 25}");
        show("{\"a\": [{\"cidr\": \"16.0.0.0/4\"}, {\"numeric\": [\"<\", 0]}]}",
            "{\"a\": 15}");
    }
}
JAVA
seen=$(timeout 120 java -cp "$folder/lib/*" "$folder/Finding.java")
echo "$seen"
[ "$seen" = '{"a": [{"cidr": "16.0.0.0/4"}]} on {"a": 15}: true
{"a": [{"cidr": "16.0.0.0/4"}]} on {"a": 25}: false
{"a": [{"cidr": "16.0.0.0/4"}, {"numeric": ["<", 0]}]} on {"a": 15}: false' ]
