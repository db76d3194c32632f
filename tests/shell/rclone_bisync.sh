#!/usr/bin/env bash
# rclone keeps directories in step, in one direction and in both, with empty
# folders and names of any kind.
. "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG=/dev/null RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1
export RCLONE_CONFIG_HERE_TYPE=s3 RCLONE_CONFIG_HERE_PROVIDER=Other RCLONE_CONFIG_HERE_ENV_AUTH=true
export RCLONE_CONFIG_HERE_ENDPOINT=$ENDPOINT RCLONE_CONFIG_HERE_REGION=$AWS_DEFAULT_REGION
export RCLONE_S3_UPLOAD_CUTOFF=5Mi RCLONE_S3_CHUNK_SIZE=5Mi
there=here:$bucket
keys() { rclone lsf --recursive --files-only "$@" | LC_ALL=C sort; }
# agree DIRECTORY REMOTE: both have the same files with the same bytes.
agree() { rclone check --download "$1" "$2" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }; }

equal "the version" "$(rclone version | sed -n 1p)" "rclone v1.75.0"

# -- names that a filesystem takes: rclone writes some of them in another way,
#    and reads them back as they were

tree=$work/tree
cp -r "$source" "$tree"
for name in " before" "after " "two  spaces" "trailing." ".hidden" "-rf" "~root" "back\\slash" "c:colon" \
    "glob*[ab]?{c,d}" "<xml>&amp;" "%2F" "%" "+" "'; DROP TABLE objects; --" \
    $'tab\there' $'new\nline' \
    $'return\rhere' $'latin-1 \xe9' "…" "$(printf 'n%.0s' {1..255})" "日本/語 🚀/…"; do
    case $name in */*) mkdir -p "$tree/names/${name%/*}" ;; *) mkdir -p "$tree/names" ;; esac
    echo "at $name" > "$tree/names/$name"
done
rclone sync "$tree" "$there/sync/ed"
agree "$tree" "$there/sync/ed"
rclone sync "$there/sync/ed" "$work/back"
diff -r "$tree" "$work/back"
for how in --s3-list-url-encode=true --s3-list-url-encode=false --s3-list-version=1 --fast-list; do
    equal "the files with $how" "$(keys $how "$there/sync/ed")" "$(keys "$tree")"
done
# A name that XML can't hold needs listings in URL encoding.
echo "a bell" > "$tree/names/"$'bell\a'
rclone sync --s3-list-url-encode=true "$tree" "$there/sync/ed"
rclone sync --s3-list-url-encode=true "$there/sync/ed" "$work/back"
diff -r "$tree" "$work/back"
rm "$tree/names/"$'bell\a'
rclone sync --s3-list-url-encode=true "$tree" "$there/sync/ed"

# What a sync replaces and removes goes to another folder if it shall.
cp -a "$tree" "$work/before"
echo "other bytes" > "$tree/one.bin"
rm "$tree/names/+"
mv "$tree/names/%" "$tree/names/moved"
rclone sync --track-renames --backup-dir "$there/sync/old" "$tree" "$there/sync/ed"
agree "$tree" "$there/sync/ed"
equal "what the sync put aside" "$(keys "$there/sync/old")" "names/+
one.bin"
equal "the bytes of what was put aside" "$(rclone cat "$there/sync/old/one.bin")" "x"
equal "uploads under way" "$(rclone backend list-multipart-uploads "$there" | tr -d ' \n\t')" "{\"$bucket\":[]}"
did sync

# -- empty folders, as objects whose keys end in a slash

export RCLONE_S3_DIRECTORY_MARKERS=true
mkdir -p "$work/folders/empty" "$work/folders/a/b/c" "$work/folders/full/deep é"
echo file > "$work/folders/full/deep é/file"
rclone sync --create-empty-src-dirs "$work/folders" "$there/folders"
equal "the folders" "$(rclone lsf --recursive "$there/folders" | LC_ALL=C sort)" "a/
a/b/
a/b/c/
empty/
full/
full/deep é/
full/deep é/file"
rm -r "$work/back"
rclone sync --create-empty-src-dirs "$there/folders" "$work/back"
diff -r "$work/folders" "$work/back"
rclone mkdir "$there/folders/made"
made=$(rclone lsf "$there/folders/made")
equal "a folder without files" "$made" ""
rclone move --create-empty-src-dirs "$there/folders/full" "$there/folders/moved"
rclone touch "$there/folders/empty/touched"
rclone rmdirs --leave-root "$there/folders"
equal "the folders at last" "$(rclone lsf --recursive "$there/folders" | LC_ALL=C sort)" "empty/
empty/touched
moved/
moved/deep é/
moved/deep é/file"
equal "a file that moved with its folder" "$(rclone cat "$there/folders/moved/deep é/file")" file
unset RCLONE_S3_DIRECTORY_MARKERS
# Without markers they are keys like others, which rclone passes over.
equal "the files" "$(keys "$there/folders")" "empty/touched
moved/deep é/file"
did folders

# -- in both directions: what changed on either side changes on the other

both() { rclone bisync --workdir "$work/bisync" --resilient "$@" "$work/left" "$there/right" 2> "$work/log" ||
    { cat "$work/log" >&2; exit 1; }; }
cp -r "$source" "$work/left"
echo "from the right" | rclone rcat "$there/right/new é"
both --resync
agree "$work/left" "$there/right"
equal "what was on the right alone" "$(cat "$work/left/new é")" "from the right"

echo "changed on the left" > "$work/left/plain.txt"
rm "$work/left/hash#tag"
mkdir "$work/left/folder"
echo "added on the left" > "$work/left/folder/with space"
echo "changed on the right" | rclone rcat "$there/right/one.bin"
rclone deletefile "$there/right/a+b=c"
rclone moveto "$there/right/deep" "$there/right/deeper"
rclone copyto "$source/large.bin" "$there/right/added/large.bin"
both
agree "$work/left" "$there/right"
equal "a change from the left" "$(rclone cat "$there/right/plain.txt")" "changed on the left"
equal "an addition from the left" "$(rclone cat "$there/right/folder/with space")" "added on the left"
equal "a change from the right" "$(cat "$work/left/one.bin")" "changed on the right"
same "an addition from the right" "$work/left/added/large.bin" "$source/large.bin"
same "a move on the right" "$work/left/deeper/er/est.txt" "$source/deep/er/est.txt"
refused "what was removed on the right" test -e "$work/left/a+b=c"
removed=$(keys "$there/right" --include 'hash*')
equal "what was removed on the left" "$removed" ""

# Both sides change one file: each keeps its own, under another name.
echo "left says" > "$work/left/plain.txt"
echo "right says so" | rclone rcat "$there/right/plain.txt"
both
agree "$work/left" "$there/right"
equal "both versions" "$(cat "$work/left/plain.txt.conflict"*)" "left says
right says so"
both --verbose
grep -q 'No changes found' "$work/log"
did bisync

rclone delete "$there"
RCLONE_S3_DIRECTORY_MARKERS=true rclone purge "$there/folders"
left=$(keys "$there")
equal "the empty bucket" "$left" ""
did delete
