#!/usr/bin/env bash
# curl --aws-sigv4 does by hand what the other clients do.
. "$(dirname "$0")/lib.sh"
there=$ENDPOINT/$bucket

# S3 wants the header with the hash of the body in every request; not every
# curl that signs sends it by itself. What is said first wins.
signed() {
    curl -sS --fail-with-body --path-as-is --aws-sigv4 "aws:amz:$AWS_DEFAULT_REGION:s3" \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H "x-amz-content-sha256: ${hash:-UNSIGNED-PAYLOAD}" "$@"
}
# code WANTED COMMAND...: the command is refused with this code.
code() {
    local wanted=$1 answer
    shift
    if answer=$("$@" 2> /dev/null); then equal "$*" "went through" "$wanted"; fi
    equal "the code of $*" "$(text Code <<< "$answer")" "$wanted"
}
# The texts of an element of the XML on standard input, a line each.
text() { grep -o "<$1>[^<]*</$1>" | sed "s|</*$1>||g"; }
sha256() { sha256sum | cut -d' ' -f1; }

equal "the buckets" "$(signed "$ENDPOINT/" | text Name)" "$bucket"

# -- upload and download, with and without the hash of the body

signed -T "$source/plain.txt" -H 'content-type: text/x-test' -H 'x-amz-meta-origin: test' "$there/plain.txt"
hash=$(sha256 < "$source/one.bin") signed -T "$source/one.bin" "$there/one.bin"
wrong=$(printf 'something else' | sha256)
hash=$wrong code XAmzContentSHA256Mismatch signed -T "$source/one.bin" "$there/never"
code NoSuchKey signed "$there/never"
code AccessDenied curl -sS --fail-with-body "$there/plain.txt"
AWS_SECRET_ACCESS_KEY=wrong code SignatureDoesNotMatch signed "$there/plain.txt"
did upload

signed -o "$work/one" "$there/one.bin"
same "a small file" "$source/one.bin" "$work/one"
signed -I "$there/plain.txt" | tr -d '\r' > "$work/head"
grep -qx "etag: \"$(md5sum < "$source/plain.txt" | cut -d' ' -f1)\"" "$work/head"
grep -qx 'content-type: text/x-test' "$work/head"
grep -qx 'x-amz-meta-origin: test' "$work/head"
did download

# -- multipart, part by part

id=$(signed -X POST "$there/large.bin?uploads=" | text UploadId)
complete="<CompleteMultipartUpload>"
for part in 1 2 3; do
    piece "$source/large.bin" $(((part - 1) * 5242880)) 5242880 > "$work/part"
    etag=$(signed -D - -T "$work/part" "$there/large.bin?partNumber=$part&uploadId=$id" |
        tr -d '\r' | sed -n 's/^etag: //p')
    equal "the etag of part $part" "$etag" "\"$(md5sum < "$work/part" | cut -d' ' -f1)\""
    complete+="<Part><PartNumber>$part</PartNumber><ETag>$etag</ETag></Part>"
done
equal "the parts" "$(signed "$there/large.bin?uploadId=$id" | text PartNumber | xargs)" "1 2 3"
equal "the uploads under way" "$(signed "$there?uploads=" | text UploadId)" "$id"
signed --data-binary "$complete</CompleteMultipartUpload>" "$there/large.bin?uploadId=$id" > "$work/answer"
signed -o "$work/large" "$there/large.bin"
same "an object of parts" "$source/large.bin" "$work/large"
id=$(signed -X POST "$there/never?uploads=" | text UploadId)
signed -T "$work/part" "$there/never?partNumber=1&uploadId=$id"
signed -X DELETE "$there/never?uploadId=$id"
code NoSuchKey signed "$there/never"
did multipart

# -- ranges

signed -r 6000000-6999999 -o "$work/piece" "$there/large.bin"
same "a range" "$work/piece" <(piece "$source/large.bin" 6000000 1000000)
head -c 7000000 "$source/large.bin" > "$work/rest"
signed -C - -o "$work/rest" "$there/large.bin"
same "a download that goes on" "$source/large.bin" "$work/rest"
equal "the last bytes" "$(signed -r -4 "$there/plain.txt")" "$(tail -c 4 "$source/plain.txt")"
code InvalidRange signed -r 99999999- "$there/large.bin"
did range

# -- copy

signed -X PUT -H "x-amz-copy-source: /$bucket/large.bin" "$there/copy%20%2B%2520%23%20%C3%A9" > "$work/answer"
signed -o "$work/copy" "$there/copy%20%2B%2520%23%20%C3%A9"
same "a copy" "$source/large.bin" "$work/copy"
did copy

# -- keys that need care, and a listing of them; the URL has them encoded

encoded() { python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1]))' "$1"; }
printf '%s\n' "two//slashes" "one/../two" "./dot" "/rooted" "folder/" "quote'\"" "a+b %2B" "…/日本 🚀" \
    "what?a=1&b#c*" "e"$'\u0301'" and é" | LC_ALL=C sort > "$work/keys"
while IFS= read -r key; do
    signed -X PUT --data-binary "at $key" "$there/odd/$(encoded "$key")"
    equal "the object $key" "$(signed "$there/odd/$(encoded "$key")")" "at $key"
done < "$work/keys"
equal "the odd keys, encoded" \
    "$(signed "$there?encoding-type=url&list-type=2&prefix=odd%2F" | text Key |
        python3 -c 'import sys, urllib.parse; print(urllib.parse.unquote_plus(sys.stdin.read()), end="")')" \
    "$(sed 's|^|odd/|' "$work/keys")"
equal "one level" "$(signed "$there?delimiter=%2F&list-type=2" | grep -o '<CommonPrefixes>.*' | text Prefix)" "odd/"
token=$(signed "$there?list-type=2&max-keys=4" | text NextContinuationToken)
equal "the second page" "$(signed -G --data-urlencode "continuation-token=$token" -d 'list-type=2&max-keys=4' "$there" |
    text KeyCount)" 4
did list

# -- delete, one and many

signed -X DELETE "$there/large.bin"
code NoSuchKey signed "$there/large.bin"
objects=$(signed "$there?list-type=2" | text Key | sed 's|.*|<Object><Key>&</Key></Object>|' | tr -d '\n')
body="<Delete>$objects</Delete>"
signed --data-binary "$body" -H "content-md5: $(printf %s "$body" | openssl md5 -binary | base64)" \
    "$there?delete=" > "$work/answer"
equal "what could not be deleted" "$(text Message < "$work/answer" || true)" ""
equal "the empty bucket" "$(signed "$there?list-type=2" | text KeyCount)" 0
did delete
