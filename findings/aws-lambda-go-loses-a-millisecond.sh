#!/usr/bin/env bash
# aws-lambda-go 1.55.1: about half of the arrival times of Kinesis records are read as one millisecond earlier.
#
# An event's `approximateArrivalTimestamp` is a number of seconds with three decimals (AWS Lambda Developer Guide,
# "Using Lambda to process records from Amazon Kinesis Data Streams", example event). The fraction is taken from
# a float64 and cut off to whole nanoseconds, so that .987 is 986999988 of them, and `UnixMilli` then cuts off to 986.
# AWS's library for Java, aws-lambda-java-events 3.16.1, reads all of them as they are.
#
# Output seen:
#   1545084650.987: 1545084650986
#   1545084650.500: 1545084650500
#   wrong: 496 of 1000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

func millisecond(seconds string) int64 {
	var record events.KinesisRecord
	if err := json.Unmarshal([]byte(`{"approximateArrivalTimestamp": `+seconds+`}`), &record); err != nil {
		panic(err)
	}
	return record.ApproximateArrivalTimestamp.UnixMilli()
}

func main() {
	for _, seconds := range []string{"1545084650.987", "1545084650.500"} {
		fmt.Printf("%s: %d\n", seconds, millisecond(seconds))
	}
	wrong := 0
	for i := 0; i < 1000; i++ {
		if millisecond(fmt.Sprintf("1545084650.%03d", i)) != 1545084650000+int64(i) {
			wrong++
		}
	}
	fmt.Printf("wrong: %d of 1000\n", wrong)
}
GO
go mod init finding >go.log 2>&1
go get github.com/aws/aws-lambda-go@v1.55.1 >>go.log 2>&1
seen=$(go run .)
echo "$seen"
[ "$seen" = "1545084650.987: 1545084650986
1545084650.500: 1545084650500
wrong: 496 of 1000" ]
