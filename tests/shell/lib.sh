# What the scripts of the command line clients share. Arguments: the bucket, a
# directory to work in, with files in `source` (`large.bin` is above the
# clients' thresholds for multipart uploads). The environment says where the
# server is.
set -Eeuo pipefail
trap 'echo "$0: line $LINENO failed: $BASH_COMMAND" >&2' ERR
export LC_ALL=C.UTF-8
bucket=$1 work=$2 source=$2/source

# equal WHAT GOT WANTED
equal() {
    [ "$2" = "$3" ] || { printf '%s: %s\nis: %s\nand should be: %s\n' "$0" "$1" "$2" "$3" >&2; exit 1; }
}

# same WHAT FILE FILE
same() {
    cmp -s -- "$2" "$3" || { printf '%s: %s: %s and %s differ\n' "$0" "$1" "$2" "$3" >&2; exit 1; }
}

# refused WHAT COMMAND...
refused() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then printf '%s: %s went through\n' "$0" "$what" >&2; exit 1; fi
}

# The names of all files below a directory, in the order of their bytes.
names() { (cd "$1" && find . -type f | cut -c3- | LC_ALL=C sort); }

# piece FILE FIRST COUNT: some bytes of a file, to standard output.
piece() { dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none; }

# in_parts COUNT URL: the etag is that of an upload in so many parts, if the server has such.
in_parts() {
    local head
    if [ "${ETAGS:-md5}" = fast ]; then return; fi
    head=$(curl -sSf -r 0-0 -D - -o "$work/first byte" "$2")
    case $head in
        *"-$1\""*) ;;
        *) equal "the etag of an upload in parts" "$head" "…-$1" ;;
    esac
}

# did OPERATION: all that was just asserted of it holds.
did() { echo "did: $1"; }
