#!/usr/bin/env bash
# git-annex keeps the content of files in the bucket: whole, in parts, in chunks,
# and as a tree that others can read.
. "$(dirname "$0")/lib.sh"
export HOME=$work/home GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=tests GIT_AUTHOR_EMAIL=tests@example.org
export GIT_COMMITTER_NAME=tests GIT_COMMITTER_EMAIL=tests@example.org
mkdir "$HOME"
git config --global annex.security.allowed-ip-addresses 127.0.0.1
port=${ENDPOINT##*:}
# What was annexed can't be written: let others remove it at the end.
trap 'chmod -R u+w "$work/tree" "$work/clone" 2> /dev/null || true' EXIT
annex() { git annex --quiet "$@"; }
# remote NAME OPTION...: in a folder of its own in the bucket. It signs in version 2,
# since this git-annex leaves the port out of the host that it signs in version 4.
remote() {
    annex initremote "$1" type=S3 host=127.0.0.1 port="$port" protocol=http requeststyle=path encryption=none \
        bucket="$bucket" fileprefix="annex/$1/" autoenable=true "${@:2}"
}
signed() {
    curl -sSf --aws-sigv4 "aws:amz:$AWS_DEFAULT_REGION:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
# The keys below a folder in the bucket, a line each.
keys() {
    signed "$ENDPOINT/$bucket?encoding-type=url&list-type=2&prefix=annex%2F$1%2F" |
        { grep -o '<Key>[^<]*' || true; } |
        python3 -c 'import sys, urllib.parse; print(urllib.parse.unquote_plus(sys.stdin.read()), end="")' |
        sed "s|<Key>annex/$1/||"
}
# complete: all content is here, and right.
complete() { diff -r --exclude .git "$files" .; }

files=$work/files
cp -r "$source" "$files"
echo "not like any other" > "$files/-rf [a]*"
git init --quiet --initial-branch main "$work/tree"
cd "$work/tree"
annex init here
cp -r "$files/." .
annex add
git commit --quiet --message "a tree"
complete
count=$(git annex find --format='${key}\n' | sort -u | wc -l)

# -- whole files, and large ones in parts

# stored NAME: what such a remote has to do.
stored() {
    annex copy --to "$1" --jobs 4
    annex fsck --from "$1"
    annex drop --jobs 4
    equal "the files that are still here" "$(git annex find | wc -l)" 0
    equal "the files that are there" "$(git annex find --in "$1" | wc -l)" "$(names "$files" | wc -l)"
    annex get --from "$1" --jobs 4
    complete
}
remote whole
stored whole
equal "the objects of whole files" "$(keys whole | grep -vc '^annex-uuid$')" "$count"
did store
# Its parts are a little smaller than that: those of 5MiB would be too small for S3.
remote parts partsize=6MiB
stored parts
equal "the objects of files in parts" "$(keys parts | grep -vc '^annex-uuid$')" "$count"
large=$(git annex lookupkey large.bin)
signed -I "$ENDPOINT/$bucket/annex/parts/$large" | tr -d '\r' | grep -qx 'etag: "[0-9a-f]*-3"'
did parts
remote chunks chunk=1MiB
stored chunks
equal "the chunks of a large file" "$(keys chunks | grep -c -- "-S1048576-C[0-9]*--${large#*--}")" 13
did chunks

# -- what is missing or wrong in the bucket is found, and mended

signed -X DELETE "$ENDPOINT/$bucket/annex/parts/$large"
refused "a check of what is missing" annex fsck --fast --from parts large.bin
found=$(git annex find --in parts large.bin)
equal "where git-annex knows the file" "$found" ""
annex copy --to parts large.bin
plain=$(git annex lookupkey plain.txt)
echo "plain_txt" | signed -T - "$ENDPOINT/$bucket/annex/parts/$plain"
refused "a check of what is wrong" annex fsck --from parts plain.txt
found=$(git annex find --in parts plain.txt)
equal "where git-annex knows the file" "$found" ""
refused "dropping what too few remotes have" annex drop --numcopies 3 plain.txt
annex copy --to parts plain.txt
annex fsck --from parts
did fsck

# -- another clone, which knows the bucket from git alone

git clone --quiet "$work/tree" "$work/clone"
cd "$work/clone"
annex init there
git remote remove origin
annex enableremote chunks
annex get --from chunks --jobs 4
complete
annex drop --from chunks --force large.bin
keys chunks > "$work/keys"
refused "what is left of a large file in chunks" grep -- "--${large#*--}" "$work/keys"
cd "$work/tree"
did clone

# -- a tree of files under their names, which follows the branch

remote files exporttree=yes
annex export main --to files
equal "the exported names" "$(keys files | LC_ALL=C sort)" "$(names "$files")"
signed -o "$work/large" "$ENDPOINT/$bucket/annex/files/large.bin"
same "an exported file" "$source/large.bin" "$work/large"
# git-annex does not encode the name that it copies from, so this one has no %.
git mv large.bin "moved # é"
git rm --quiet one.bin
mkdir folder
echo "a new one" > folder/new
annex add folder
git commit --quiet --message "changes"
# What it can't rename, it says, and uploads.
said=$(annex export main --to files 2>&1)
equal "what git-annex says of the changes" "$said" ""
annex fsck --from files
equal "the exported names" "$(keys files | LC_ALL=C sort)" \
    "$(git ls-files -z | tr '\0' '\n' | LC_ALL=C sort)"
annex drop --force folder "moved # é"
annex get --from files folder "moved # é"
same "a file that was moved" "$source/large.bin" "moved # é"
equal "a new file" "$(cat folder/new)" "a new one"
annex export "$(git rev-parse main~1)" --to files
equal "the names of the commit before" "$(keys files | LC_ALL=C sort)" "$(names "$files")"
did export

# -- a folder that others change, too: what they did comes back as a branch. It
#    takes force, since without versions the last one to write wins.

remote both exporttree=yes importtree=yes --force
annex export main --to both
echo "from elsewhere" | signed -T - "$ENDPOINT/$bucket/annex/both/added/here%20%C3%A9"
echo "changed" | signed -T - "$ENDPOINT/$bucket/annex/both/plain.txt"
signed -X DELETE "$ENDPOINT/$bucket/annex/both/a%2Bb%3Dc"
annex import main --from both
equal "the changes in the bucket" "$(git -c core.quotePath=false diff --name-status main both/main)" "D	a+b=c
A	added/here é
M	plain.txt"
git merge --quiet --allow-unrelated-histories --message "what others did" both/main
equal "a file of others" "$(cat "added/here é")" "from elsewhere"
equal "a change of others" "$(cat plain.txt)" changed
did import

# -- git-annex's own tests of remotes

git annex testremote chunks --fast --size 3MiB > "$work/tests" 2>&1 || { cat "$work/tests" >&2; exit 1; }
did testremote

# -- delete

for name in whole parts chunks; do
    annex drop --from "$name" --force --all
    left=$(keys "$name")
    equal "what is left of $name" "$left" "annex-uuid"
    signed -X DELETE "$ENDPOINT/$bucket/annex/$name/annex-uuid"
done
for name in files both; do
    annex export "$(git hash-object -t tree /dev/null -w)" --to "$name"
    left=$(keys "$name")
    equal "what is left of $name" "$left" ""
done
did delete
