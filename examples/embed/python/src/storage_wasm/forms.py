"""What callers put and get in the place of bytes: text, JSON values, buffers.

The decorators know bytes only. As in the Python library, a TextEncodingStore
takes a `str`, a JsonStore any JSON value and a BufferStore a file object, and
so do the stores above them that leave bytes alone.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Callable, NamedTuple


class Form(NamedTuple):
    """From values to bytes, and back."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    hint = "; put a TextEncodingStore above to store text" if isinstance(value, str) else ""
    raise TypeError(f"this store takes bytes, not {type(value).__name__}{hint}")


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"this store takes text, not {type(value).__name__}")
    return value.encode()


BYTES = Form(_bytes, lambda data: data)
TEXT = Form(_text, bytes.decode)
JSON = Form(lambda value: json.dumps(value).encode(), json.loads)
BUFFER = Form(lambda buffer: _bytes(buffer.read()), BytesIO)


def of(*stores: Any) -> Form:
    """The form of the first store that has one of its own."""
    forms = (getattr(store, "form", BYTES) for store in stores)
    return next((form for form in forms if form is not BYTES), BYTES)
