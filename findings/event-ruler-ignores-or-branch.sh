#!/usr/bin/env bash
# event-ruler 2.1.0, AWS's matcher of event patterns, ignores a branch of `$or` that shares a value with an earlier one.
#
# A rule matches if one branch does ("The $or Primitive" in its README). Each branch becomes a rule of the machine; one
# value that it shares with an earlier branch of the same members is enough to take it for that one, and the rest of the
# later branch is lost, without an error. With branches that share no value the event matches.
#
# Output seen:
#   {"$or": [{"a": ["x", "y"]}, {"a": ["x", "z"]}]} on {"a": "z"}: false
#   {"$or": [{"a": ["x", "y"]}, {"a": ["z"]}]} on {"a": "z"}: true
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
        show("{\"$or\": [{\"a\": [\"x\", \"y\"]}, {\"a\": [\"x\", \"z\"]}]}",
            "{\"a\": \"z\"}");
        show("{\"$or\": [{\"a\": [\"x\", \"y\"]}, {\"a\": [\"z\"]}]}",
            "{\"a\": \"z\"}");
    }
}
JAVA
seen=$(timeout 120 java -cp "$folder/lib/*" "$folder/Finding.java")
echo "$seen"
[ "$seen" = '{"$or": [{"a": ["x", "y"]}, {"a": ["x", "z"]}]} on {"a": "z"}: false
{"$or": [{"a": ["x", "y"]}, {"a": ["z"]}]} on {"a": "z"}: true' ]
