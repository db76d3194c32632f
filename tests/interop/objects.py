"""The objects of the fixtures: keys of every kind, and contents of every kind.

An object is a dict: what a reader must get is `text` (as UTF-8) or `base64`,
`repeat`ed. `input` is the text that is written where that differs, `str` marks
what the Python library is given as str, not as bytes, and `json` what it is
given as a value.
"""

import base64
import json

# No key is a folder of another, so that a file system can hold all of them.
KEYS = [
    "plain",
    "deep/er/est.txt",
    " a key with  spaces ",
    "100%",
    "a%2Fb%20c",
    "page#top",
    "a+b c",
    "what?now=1&then=2",
    "\"double\" 'single' `back`",
    "back\\slash",
    "colon:star*pipe|less<",
    "[set]{brace}",
    "'; DROP TABLE objects; --",
    "100_%_",
    "tab\tnew\nline\r",
    "bell\x07 escape\x1b delete\x7f",
    "caf\u00e9 composed",
    "cafe\u0301 decomposed",
    "\u212b \u1e9b\u0323 \uac00 \u1100\u1161",
    "CASE/pair",
    "case/PAIR",
    "\U0001f600/\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "\U0010ffff",
    "\ue000 \uffff \ufeff",
    ".hidden",
    "..two dots",
    "...",
    "dots.in.the.mid..dle./trailing.",
    "~",
    "~root/~user",
    "-rf",
    "CON",
    "storage-size",
    "upload.tmp",
    "__pycache__",
    "0123",
    "AAAA____",
    "82/54/c3",
    "\u65e5\u672c\u8a9e/\u30d5\u30a1\u30a4\u30eb.txt",
]

# As long as a file name may be, and as long as a key may be.
LONG_NAME = "n" * 255
LONG_PATH = "/".join(["p" * 200] * 5)[:1000] + "/" + "q" * 23
LONG_KEY = "k" * 1000 + "\u00e9" * 12
# The longest key whose Base32 is a file name.
LONG_BASE32 = "b" * 155

# What no path can be, and databases keep.
NO_PATHS = [".", "..", "../escape", "one/../two", "/rooted", "two//slashes", "/", "folder/", "plain/below"]

FEW_KEYS = ["plain", "a folder/caf\u00e9", "100%/\U0001f600?#+"]

MISSING = ["missing", "plai", "plain2", "PLAIN", "deep", "deep/er", "caf\u00e9"]


def binary(data, repeat=1):
    entry = {"base64": base64.b64encode(data).decode()}
    return entry | ({"repeat": repeat} if repeat > 1 else {})


# What the library writes last into stores that others wrote.
BACK = "written back by Python"

CONTENTS = [
    binary(b""),
    {"text": "hello"},
    binary(bytes(range(256))),
    binary(b"\0"),
    binary(b"\xff\xfe\r\n\x1a\xef\xbb\xbf"),
    binary(b"0123456789abcdef", 4500),
    {"text": "\u00fc \U0001f600\n"},
    binary(b"\x1f\x8b\x08 not gzip"),
]


def named(keys):
    """An object for each key; most say their key, so that none is taken for another."""
    found = {key: {"text": f"<{key}>"} for key in keys}
    return found | dict(zip(keys, CONTENTS))


def few(extra=()):
    """An object for each kind of content."""
    keys = FEW_KEYS + [f"content/{at}" for at in range(len(CONTENTS) - len(FEW_KEYS))]
    return dict(zip(keys, CONTENTS)) | {key: {"text": f"<{key}>"} for key in extra}


def texts(*texts):
    """Text objects; the first is empty and one is long."""
    all_texts = ["", *texts]
    found = {f"text/{at}": {"text": text, "str": True} for at, text in enumerate(all_texts)}
    found["caf\u00e9"] = {"text": texts[0], "repeat": 3000, "str": True}
    return found


def strs(objects):
    """As str where they are text: a database keeps those as TEXT."""
    return {key: o | ({"str": True} if "text" in o else {}) for key, o in objects.items()}


JSON_INPUTS = [
    "null", " true ", "false", '""', "{}", "[]", "{ }", "[\n]", "0", "-0", "-0.0", "1.0",
    "1e5", "1E16", "1e+16", "123456789012345680.0", "9999999999999998", "0.1", "1e-4", "1e-5",
    "0.00001234", "1.7976931348623157e308", "1e400", "-1e400", "5e-324", "2.2250738585072014e-308",
    "1e22", "1e21", "100000000000000000000000", "-123456789012345678901234567890", "3.0e0",
    "NaN", "[Infinity,-Infinity,NaN]", '"caf\u00e9 \u65e5\u672c \U0001f600"',
    '"\\u00e9\\ud83d\\ude00\\ud800 \\udc00\\/"', '"\\b\\f\\n\\r\\t\\"\\\\\\u0000\\u001f\\u007f\u0080\u2028"',
    '{"b":1,"a":2,"b":3}', '{"":{"x":[[],[[]],{}]},"\u00e9":null}',
    '[1,2 ,3,\t{"k" :"v"}\r\n]', '{"a":' * 50 + "1" + "}" * 50, '"<>&\'"', "[0.30000000000000004,1e0,12E-2]",
]


def documents():
    """JSON in many shapes. What is stored is what `json.dumps` makes of it."""
    return {
        f"json/{at:02}": {"text": json.dumps(json.loads(text)), "input": text, "json": True}
        for at, text in enumerate(JSON_INPUTS)
    }


def back(entry):
    """What the library writes back in place of an object, and what a reader gets."""
    text = json.dumps(BACK) if entry.get("json") else BACK
    return {name: entry[name] for name in ("json", "str") if name in entry} | {"text": text}


def written(entry):
    """What is written."""
    return entry["input"].encode() if "input" in entry else content(entry)


def content(entry):
    """What a reader must get."""
    data = entry["text"].encode() if "text" in entry else base64.b64decode(entry["base64"])
    return data * entry.get("repeat", 1)
