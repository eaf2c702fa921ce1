#!/usr/bin/env bash
# dynamodb-data-types 4.0.1 (npm) wraps an empty array as a set of numbers without members, which DynamoDB refuses.
#
# Empty lists are allowed and empty sets are not (DynamoDB Developer Guide, "Supported data types and naming rules").
# The README says how arrays of strings or numbers become sets, and nothing of an array without members. The type is
# chosen by asking whether every member is a number, which holds of none: the item of a post without hashtags fails with
# a ValidationException, and so does the call that it shares. npm's dynamodb-marshaler 2.0.0 writes a list.
#
# Output seen:
#   dynamodb-data-types {"hashtags":{"NS":[]}}
#   dynamodb-marshaler {"hashtags":{"L":[]}}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    dynamodb-data-types@4.0.1 dynamodb-marshaler@2.0.0 >"$folder/npm.log"

seen=$(cd "$folder" && node - <<'NODE'
const item = { hashtags: [] }
console.log('dynamodb-data-types', JSON.stringify(require('dynamodb-data-types').AttributeValue.wrap(item)))
console.log('dynamodb-marshaler', JSON.stringify(require('dynamodb-marshaler').marshalItem(item)))
NODE
)
echo "$seen"
[ "$seen" = 'dynamodb-data-types {"hashtags":{"NS":[]}}
dynamodb-marshaler {"hashtags":{"L":[]}}' ]
