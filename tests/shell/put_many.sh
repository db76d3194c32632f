#!/usr/bin/env bash
# s5cmd puts every file of a directory: put_many.sh BUCKET DIRECTORY
set -euo pipefail
s5cmd --endpoint-url "$ENDPOINT" --numworkers 32 cp "$2/" "s3://$1/" > /dev/null
