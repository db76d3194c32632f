"""Python's codecs as facts for `TextEncodingStore`.

    python3 codec_facts.py --write     the names and digests that the tests compare with
    python3 codec_facts.py --check     compares those with this Python
    python3 codec_facts.py --tables    differences from `encoding_rs`, as Rust

The digests cover every character that can be encoded and comes back, every
sequence of one or two bytes that can be decoded, and every encoded character.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
from encodings.aliases import aliases

CORE = pathlib.Path(__file__).parents[2] / "guest/core"
DIGESTS = CORE / "src/decorators/text_encoding/python.json"

CODECS = [
    "ascii", "latin_1", "utf_8", "utf_8_sig",
    "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be",
    *(f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    *(f"cp{page}" for page in range(1250, 1259)),
    "koi8_r", "cp866", "mac_roman", "cp949", "shift_jis", "gbk", "big5",
]  # fmt: skip

# And the nearest that `encoding_rs` has.
DOUBLE = {"shift_jis": "shift_jis", "gbk": "gbk", "big5": "big5"}


def attempt(convert, *args):
    try:
        return convert(*args)
    except UnicodeError:
        return None


def characters():
    return (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def digests(codec):
    encode, decode = hashlib.sha256(), hashlib.sha256()

    def decoded(data):
        if (text := attempt(data.decode, codec)) is not None:
            text = text.encode()
            decode.update(bytes([len(data), len(text)]) + data + text)

    for length in (1, 2):
        for code in range(256**length):
            decoded(code.to_bytes(length, "big"))
    for character in characters():
        # Python's `shift_jis` writes a yen sign as a backslash; that loses it.
        data = attempt(character.encode, codec)
        if data is not None and attempt(data.decode, codec) == character:
            encode.update(ord(character).to_bytes(4, "big") + bytes([len(data)]) + data)
            decoded(data)
    return {"encode": encode.hexdigest(), "decode": decode.hexdigest()}


def facts():
    return {
        codec: {"aliases": sorted(alias for alias, of in aliases.items() if of == codec)} | digests(codec)
        for codec in CODECS
    }


def ranges(different, known):
    """Runs of codes: (first, last, character of the first, or 0 for none).

    A run of none may pass over codes that have no character anyway."""
    runs = []
    for code, character in sorted(different.items()):
        if runs:
            first, last, start = runs[-1]
            passed = not any(between in known for between in range(last + 1, code))
            if (start == character == 0 and passed) or (
                start and character and last + 1 == code and character == start + code - first
            ):
                runs[-1] = (first, code, start)
                continue
        runs.append((code, code, character))
    return runs


def table(codec, label):
    cargo = ["cargo", "run", "--quiet", "--package", "storage-core", "--example", "encoding_dump", "--", label]
    theirs, theirs_encoded = {}, {}
    for line in subprocess.run(cargo, check=True, capture_output=True, text=True, cwd=CORE).stdout.splitlines():
        which, code, value = line.split()
        if which == "d":
            theirs[int(code, 16)] = value
        else:
            theirs_encoded[int(code, 16)] = int(value, 16)
    known = {}
    for length in (1, 2):
        for code in range(256**length):
            text = attempt(code.to_bytes(length, "big").decode, codec)
            if text is not None and len(text) == 1:
                known[code] = f"{ord(text):x}"
    different = {
        code: int(known.get(code, "0"), 16)
        for code in theirs.keys() | known.keys()
        if theirs.get(code) != known.get(code)
    }
    runs = ranges(different, known)
    # What these differences don't tell of encoding.
    back = {character: code for code, character in different.items() if character}
    extra = []
    for character in characters():
        code = theirs_encoded.get(ord(character))
        if code is not None and any(first <= code <= last for first, last, _ in runs):
            code = None
        code = back.get(ord(character), code)
        data = attempt(character.encode, codec)
        if (wanted := data and int.from_bytes(data, "big")) != code:
            extra.append((ord(character), wanted or 0))
    return runs, extra


def rust():
    lines = [
        "//! Where Python's codecs differ from `encoding_rs`; by `tests/interop/codec_facts.py`.",
        "",
        "/// Runs of codes: the first, the last, and the character of the first, or 0",
        "/// where the codes stand for none.",
        "pub type Runs = &'static [(u16, u16, u16)];",
        "",
        "/// Characters that are encoded otherwise than the runs tell, with their codes.",
        "pub type Extra = &'static [(u16, u16)];",
    ]
    for codec, label in DOUBLE.items():
        runs, extra = table(codec, label)
        lines += ["", f"pub const {codec.upper()}: Runs = &["]
        lines += [f"    (0x{first:04x}, 0x{last:04x}, 0x{start:04x})," for first, last, start in runs]
        lines += ["];"]
        if extra:
            lines += ["", f"pub const {codec.upper()}_EXTRA: Extra = &["]
            lines += [f"    (0x{character:04x}, 0x{code:04x})," for character, code in extra] + ["];"]
    return "\n".join(lines)


def main():
    match sys.argv[1:]:
        case ["--write"]:
            DIGESTS.write_text(json.dumps(facts(), indent=1) + "\n")
        case ["--tables"]:
            print(rust())
        case ["--check"]:
            old, new = json.loads(DIGESTS.read_text()), facts()
            different = [codec for codec in old.keys() | new.keys() if old.get(codec) != new.get(codec)]
            print("this Python differs in " + ", ".join(different) if different else f"{len(new)} codecs agree")
            sys.exit(1 if different else 0)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
