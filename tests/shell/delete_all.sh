#!/usr/bin/env bash
# s5cmd deletes every object of a bucket, a thousand at a time: delete_all.sh BUCKET
set -euo pipefail
s5cmd --endpoint-url "$ENDPOINT" rm "s3://$1/*" > /dev/null
