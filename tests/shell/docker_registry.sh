#!/usr/bin/env bash
# Docker's registry keeps images in the bucket: pushed, pulled, mounted, deleted.
. "$(dirname "$0")/lib.sh"
unset AWS_CA_BUNDLE # It does not start with one.
running=
stop() { [ -z "$running" ] || { kill "$running" && wait "$running"; } 2> /dev/null || true; running=; }
trap stop EXIT
# configure REDIRECT: blobs above 10 MB move in parts.
configure() {
    cat > "$work/registry.yml" <<YAML
version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage:
  s3:
    accesskey: $AWS_ACCESS_KEY_ID
    secretkey: $AWS_SECRET_ACCESS_KEY
    region: us-east-1
    regionendpoint: $ENDPOINT
    forcepathstyle: true
    secure: false
    bucket: $bucket
    rootdirectory: /images
    chunksize: 5242880
    multipartcopychunksize: 5242880
    multipartcopythresholdsize: 10000000
  delete: {enabled: true}
  redirect: {disable: $1}
http: {addr: "127.0.0.1:0", secret: of all processes}
YAML
}
start() {
    : > "$work/registry.log"
    docker-registry serve "$work/registry.yml" >> "$work/registry.log" 2>&1 & running=$!
    until port=$(grep -o 'listening on 127.0.0.1:[0-9]*' "$work/registry.log"); do
        kill -0 "$running" || { cat "$work/registry.log" >&2; exit 1; }
        sleep 0.05
    done
    registry=http://127.0.0.1:${port##*:}
    equal "what speaks there" "$(curl -sS "$registry/v2/")" "{}"
}
call() { curl -sSf "$@" || { tail -n 5 "$work/registry.log" >&2; return 1; }; }
# status ARGUMENT...: of the answer, with its body left alone.
status() { curl -sS -o "$work/answer" -w '%{http_code}' "$@"; }
digest() { echo "sha256:$(sha256sum < "$1" | cut -d' ' -f1)"; }
header() { tr -d '\r' | sed -n "s/^$1: //Ip"; }
# upload REPOSITORY: begins one, and prints where it goes on.
upload() { call -X POST -D - -o "$work/answer" "$registry/v2/$1/blobs/uploads/" | header location; }
# blob REPOSITORY FILE: pushes it in one piece.
blob() {
    local there
    there=$(upload "$1")
    call -T "$2" -H 'content-type: application/octet-stream' "$there&digest=$(digest "$2")"
}
# manifest REPOSITORY TAG FILE TYPE
manifest() { call -X PUT --data-binary "@$3" -H "content-type: $4" "$registry/v2/$1/manifests/$2"; }
config_type=application/vnd.docker.container.image.v1+json
layer_type=application/vnd.docker.image.rootfs.diff.tar.gzip
image_type=application/vnd.docker.distribution.manifest.v2+json
list_type=application/vnd.docker.distribution.manifest.list.v2+json

# -- an image: two layers, one of them large, and what describes them

tar -C "$source" -cz --exclude large.bin . > "$work/small.tgz"
tar -C "$source" -c large.bin > "$work/large.tgz"
echo '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}' > "$work/config"
described() { printf '{"mediaType":"%s","size":%s,"digest":"%s"}' "$2" "$(stat -c %s "$1")" "$(digest "$1")"; }
printf '{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s,%s]}' "$image_type" \
    "$(described "$work/config" "$config_type")" "$(described "$work/small.tgz" "$layer_type")" \
    "$(described "$work/large.tgz" "$layer_type")" > "$work/manifest"
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$list_type" \
    "$(described "$work/manifest" "$image_type" |
        sed 's/}$/,"platform":{"architecture":"amd64","os":"linux"}}/')" > "$work/list"
# pulled REPOSITORY TAG: it is the image, to the last byte.
pulled() {
    local name file
    call -H "accept: $image_type" "$registry/v2/$1/manifests/$2" > "$work/got"
    same "the manifest of $1:$2" "$work/manifest" "$work/got"
    for name in $(grep -o 'sha256:[0-9a-f]*' "$work/got"); do
        call -L -o "$work/got" "$registry/v2/$1/blobs/$name"
        equal "the digest of a blob of $1" "$(digest "$work/got")" "$name"
    done
}

# -- push: in one piece, and in chunks that go on where the last one ended

configure false
start
there=$registry/v2/library/tree
equal "an image that is not there" "$(status "$there/manifests/latest")" 404
blob library/tree "$work/config"
blob library/tree "$work/small.tgz"
equal "a manifest without its blobs" \
    "$(status -X PUT --data-binary "@$work/manifest" -H "content-type: $image_type" "$there/manifests/latest")" 400
grep -q MANIFEST_BLOB_UNKNOWN "$work/answer"
next=$(upload library/tree)
first=0
for count in 6000000 1000 100 5300000 9999999; do
    piece "$work/large.tgz" $first $count > "$work/chunk"
    count=$(stat -c %s "$work/chunk")
    next=$(call -X PATCH -D - -o "$work/answer" --data-binary "@$work/chunk" \
        -H 'content-type: application/octet-stream' -H "content-range: $first-$((first + count - 1))" "$next" |
        header location)
    first=$((first + count))
    equal "what has arrived" "$(call -D - -o "$work/answer" "$next" | header range)" "0-$((first - 1))"
    # Another process goes on.
    [ $first != 6001000 ] || { stop; start; there=$registry/v2/library/tree next=$registry/v2/${next#*/v2/}; }
done
equal "the whole of it" "$first" "$(stat -c %s "$work/large.tgz")"
call -X PUT "$next&digest=$(digest "$work/large.tgz")"
manifest library/tree latest "$work/manifest" "$image_type"
manifest library/tree 1.0 "$work/manifest" "$image_type"
manifest library/tree all "$work/list" "$list_type"
did push

next=$(upload library/tree)
equal "a blob with the digest of another" "$(status -T "$work/config" "$next&digest=$(digest "$work/list")")" 400
grep -q DIGEST_INVALID "$work/answer"
next=$(upload library/tree)
next=$(call -X PATCH -D - -o "$work/answer" --data-binary "@$work/small.tgz" \
    -H 'content-type: application/octet-stream' "$next" | header location)
call -X DELETE "$next"
equal "an upload that was given up" "$(status "$next")" 404
did cancel

# -- pull: with the registry's redirects to presigned URLs

pulled library/tree latest
pulled library/tree "$(digest "$work/manifest")"
equal "the list" "$(call -H "accept: $list_type" "$there/manifests/all")" "$(cat "$work/list")"
large=$(digest "$work/large.tgz")
equal "a redirect" "$(status "$there/blobs/$large")" 307
equal "the size of a blob" "$(call -IL "$there/blobs/$large" | header content-length | tail -n 1)" \
    "$(stat -c %s "$work/large.tgz")"
equal "a blob that is not there" "$(status "$there/blobs/$(digest "$work/list")")" 404
did pull

# -- blobs of one repository in another

mounted=$(status -X POST "$registry/v2/other/copy/blobs/uploads/?mount=$large&from=library/tree")
equal "a blob that is mounted" "$mounted" 201
for file in "$work/config" "$work/small.tgz"; do
    mounted=$(status -X POST "$registry/v2/other/copy/blobs/uploads/?mount=$(digest "$file")&from=library/tree")
    equal "a blob that is mounted" "$mounted" 201
done
mounted=$(status -X POST "$registry/v2/other/copy/blobs/uploads/?mount=$(digest "$work/list")&from=library/tree")
equal "a blob that is not there to mount" "$mounted" 202
manifest other/copy v1 "$work/manifest" "$image_type"
pulled other/copy v1
did mount

# -- lists, whole and in pages

for i in $(seq 12); do
    blob "many/number$i" "$work/config"
    for name in $(grep -o 'sha256:[0-9a-f]*' "$work/manifest"); do
        call -X POST -o "$work/answer" "$registry/v2/many/number$i/blobs/uploads/?mount=$name&from=library/tree"
    done
    manifest "many/number$i" "v$i" "$work/manifest" "$image_type"
done
repositories() { call "$registry/v2/_catalog$1" | grep -o '"[a-z]*/[a-z0-9]*"' | tr -d '"'; }
all=$( { echo library/tree; printf 'many/number%s\n' {1..12}; echo other/copy; } | LC_ALL=C sort)
equal "the repositories" "$(repositories "" | LC_ALL=C sort)" "$all"
equal "the first ones" "$(repositories "?n=3")" "$(head -n 3 <<< "$all")"
equal "the next ones" "$(repositories "?n=4&last=many/number10")" "$(sed -n 4,7p <<< "$all")"
equal "the tags" "$(call "$there/tags/list" | grep -o '"tags".*')" '"tags":["1.0","all","latest"]}'
did list

# -- the registry anew, which hands out the bytes itself

stop
configure true
start
there=$registry/v2/library/tree
pulled library/tree 1.0
pulled many/number7 v7
call -r 6000000-6999999 -o "$work/piece" "$there/blobs/$large"
same "a piece of a blob" "$work/piece" <(piece "$work/large.tgz" 6000000 1000000)
did restart

# -- delete: a manifest with its tags, a blob, and what nobody needs any more

equal "deleting a manifest" "$(status -X DELETE "$there/manifests/$(digest "$work/manifest")")" 202
equal "a deleted manifest" "$(status -H "accept: $image_type" "$there/manifests/latest")" 404
equal "deleting a blob" "$(status -X DELETE "$there/blobs/$(digest "$work/small.tgz")")" 202
equal "a deleted blob" "$(status "$there/blobs/$(digest "$work/small.tgz")")" 404
pulled other/copy v1
for name in other/copy many/number{1..12}; do
    equal "deleting $name" "$(status -X DELETE "$registry/v2/$name/manifests/$(digest "$work/manifest")")" 202
done
equal "deleting the list" "$(status -X DELETE "$there/manifests/$(digest "$work/list")")" 202
stop
docker-registry garbage-collect "$work/registry.yml" > "$work/collected" 2>&1 || { cat "$work/collected" >&2; exit 1; }
grep -q "blob eligible for deletion: $large" "$work/collected"
start
equal "a blob that was collected" "$(status "$registry/v2/other/copy/blobs/$large")" 404
did delete
