#!/usr/bin/env bash
# The aws CLI syncs a directory in and out again: the trees are equal.
set -euo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND" >&2' ERR
bucket=$1 source=$2 work=$3 pid=$4
aws() { command aws --endpoint-url "$ENDPOINT" "$@"; }

aws s3 sync --only-show-errors "$source" "s3://$bucket/tree"
test "$(aws s3 ls --recursive "s3://$bucket/tree/" | wc -l)" = "$(find "$source" -type f | wc -l)"
# Sizes and times are right in the listing, so there is nothing left to do.
test -z "$(aws s3 sync "$source" "s3://$bucket/tree")"
aws s3 sync --only-show-errors "s3://$bucket/tree" "$work/back"
diff -r "$source" "$work/back"
rm -r "$work/back"
echo "hello" | aws s3 cp --only-show-errors - "s3://$bucket/from stdin"
test "$(aws s3 cp --only-show-errors "s3://$bucket/from stdin" -)" = hello
aws s3 mv --only-show-errors "s3://$bucket/from stdin" "s3://$bucket/moved"
aws s3api head-object --bucket "$bucket" --key moved > /dev/null
aws s3 rm --only-show-errors --recursive "s3://$bucket"
test -z "$(aws s3 ls --recursive "s3://$bucket/")"
peak=$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status")
echo "peak memory of the server: $peak MiB (limit 200)"
test "$peak" -lt 200
