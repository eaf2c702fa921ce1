#!/usr/bin/env bash
# event-ruler 2.1.0, AWS's matcher of event patterns, matches any text by a wildcard beside an equals-ignore-case.
#
# A member matches if one condition of its list does. A wildcard that begins with `*` and an `equals-ignore-case` in one
# list match texts that neither of them matches alone: a filter lets everything through, without an error.
#
# Output seen:
#   {"a": [{"wildcard": "*bc*"}, {"equals-ignore-case": "e"}]} on {"a": "hello"}: true
#   {"a": [{"wildcard": "*bc*"}]} on {"a": "hello"}: false
#   {"a": [{"equals-ignore-case": "e"}]} on {"a": "hello"}: false
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
        show("{\"a\": [{\"wildcard\": \"*bc*\"}, {\"equals-ignore-case\": \"e\"}]}",
            "{\"a\": \"hello\"}");
        show("{\"a\": [{\"wildcard\": \"*bc*\"}]}",
            "{\"a\": \"hello\"}");
        show("{\"a\": [{\"equals-ignore-case\": \"e\"}]}",
            "{\"a\": \"hello\"}");
    }
}
JAVA
seen=$(timeout 120 java -cp "$folder/lib/*" "$folder/Finding.java")
echo "$seen"
[ "$seen" = '{"a": [{"wildcard": "*bc*"}, {"equals-ignore-case": "e"}]} on {"a": "hello"}: true
{"a": [{"wildcard": "*bc*"}]} on {"a": "hello"}: false
{"a": [{"equals-ignore-case": "e"}]} on {"a": "hello"}: false' ]
