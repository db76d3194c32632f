#!/usr/bin/env bash
# Lists a bucket with one of the command line clients, a name a line:
# list_all.sh CLIENT BUCKET all|top (every key, or the first level's folders).
set -euo pipefail
client=$1 bucket=$2 what=$3
export LC_ALL=C.UTF-8 S3_ENDPOINT_URL=$ENDPOINT RCLONE_CONFIG=/dev/null RCLONE_CONFIG_HERE_TYPE=s3
export RCLONE_CONFIG_HERE_PROVIDER=Other RCLONE_CONFIG_HERE_ENV_AUTH=true
export RCLONE_CONFIG_HERE_ENDPOINT=$ENDPOINT RCLONE_CONFIG_HERE_REGION=$AWS_DEFAULT_REGION
host=${ENDPOINT#http://}
s3cmd() {
    command s3cmd --config /dev/null --access_key "$AWS_ACCESS_KEY_ID" --secret_key "$AWS_SECRET_ACCESS_KEY" \
        --no-ssl --host "$host" --host-bucket "$host" "$@"
}
aws() { command aws --endpoint-url "$ENDPOINT" "$@"; }
signed() {
    curl -sS --fail-with-body --aws-sigv4 "aws:amz:$AWS_DEFAULT_REGION:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
# The texts of an element of the XML on standard input, a line each.
text() { { grep -o "<$1>[^<]*</$1>" || true; } | sed "s|</*$1>||g"; }

case $client-$what in
    s5cmd-all) s5cmd ls --show-fullpath "s3://$bucket/*" | cut -d/ -f4- ;;
    s5cmd-top) s5cmd ls "s3://$bucket/" | sed 's/.* DIR *//' ;;
    s3cmd-all) s3cmd ls --recursive "s3://$bucket" | sed "s|.* s3://$bucket/||" ;;
    s3cmd-top) s3cmd ls "s3://$bucket" | sed "s|.* s3://$bucket/||" ;;
    rclone-all) rclone lsf --recursive --files-only "here:$bucket" ;;
    rclone-top) rclone lsf "here:$bucket" ;;
    aws-all) aws s3api list-objects-v2 --bucket "$bucket" --query 'Contents[].[Key]' --output text ;;
    aws-top) aws s3 ls "s3://$bucket/" | sed 's/^ *PRE //' ;;
    curl-all)
        answer=$(signed "$ENDPOINT/$bucket?list-type=2")
        while true; do
            text Key <<< "$answer"
            token=$(text NextContinuationToken <<< "$answer" | python3 -c \
                'import sys, urllib.parse; print(urllib.parse.quote(sys.stdin.read().strip(), safe=""))')
            test -n "$token" || break
            answer=$(signed "$ENDPOINT/$bucket?continuation-token=$token&list-type=2")
        done ;;
    curl-top) signed "$ENDPOINT/$bucket?delimiter=%2F&list-type=2" | grep -o '<CommonPrefixes>.*' | text Prefix ;;
    *) echo "no way to list $what with $client" >&2 && exit 1 ;;
esac
