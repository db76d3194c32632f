"""Changes of keys and values as Python objects.

For code of the Python library that brings transformers of its own, and for
`TransformingStore`, `KeyTransformingStore` and `RegexRoutingStore`, which take
them. The stores of the same names are the component's.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any, Callable
from urllib.parse import quote, unquote, urlsplit

from .errors import InvalidKey


class DataTransformer:
    """Changes values on their way in and out; this one leaves them alone."""

    def transform(self, data: Any) -> Any:
        """What the base shall hold."""
        return data

    def reverse_transform(self, data: Any) -> Any:
        """The reverse."""
        return data


class TextEncodingTransformer(DataTransformer):
    """Text as bytes."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.encoding = encoding

    def transform(self, data: str) -> bytes:
        return data.encode(self.encoding)

    def reverse_transform(self, data: bytes) -> str:
        return data.decode(self.encoding)


class GzipTransformer(DataTransformer):
    """Bytes compressed, equal for equal ones."""

    def transform(self, data: bytes) -> bytes:
        return gzip.compress(data, mtime=0)

    def reverse_transform(self, data: bytes) -> bytes:
        return gzip.decompress(data)


class BufferTransformer(DataTransformer):
    """File objects as bytes."""

    def transform(self, data: Any) -> Any:
        return data.read()

    def reverse_transform(self, data: bytes) -> BytesIO:
        return BytesIO(data)


class Base64Transformer(DataTransformer):
    """Bytes as base64."""

    def transform(self, data: bytes) -> bytes:
        return b64encode(data)

    def reverse_transform(self, data: bytes) -> bytes:
        return b64decode(data, validate=True)


class JsonTransformer(DataTransformer):
    """JSON values as text."""

    def transform(self, data: Any) -> str:
        return json.dumps(data)

    def reverse_transform(self, data: Any) -> Any:
        return json.loads(data)


class KeyTransformer:
    """Changes keys on their way in and out; this one leaves them alone."""

    def transform_key(self, key: str) -> str:
        """The base's key."""
        return key

    def reverse_transform_key(self, key: str) -> str:
        """The reverse; `ValueError` for a key that is nobody's."""
        return key


class ValidatingKeyTransformer(KeyTransformer):
    """Asks a function that raises `KeyError` for a key it refuses."""

    def __init__(self, validator: Callable[[str], Any]) -> None:
        self.validator = validator

    def transform_key(self, key: str) -> str:
        self.validator(key)
        return key


class PrefixKeyTransformer(KeyTransformer):
    """A prefix before every key."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def transform_key(self, key: str) -> str:
        return self.prefix + key

    def reverse_transform_key(self, key: str) -> str:
        if not key.startswith(self.prefix):
            raise ValueError(f"{key!r} does not begin with {self.prefix!r}")
        return key.removeprefix(self.prefix)


class HashPrefixKeyTransformer(KeyTransformer):
    """The first digits of the key's SHA-256 before every key."""

    def __init__(self, hash_length: int = 8, separator: str = "/") -> None:
        self.hash_length, self.separator = hash_length, separator

    def transform_key(self, key: str) -> str:
        digits = hashlib.sha256(key.encode()).hexdigest()[: self.hash_length]
        return f"{digits}{self.separator}{key}"

    def reverse_transform_key(self, key: str) -> str:
        found = key[self.hash_length + len(self.separator) :]
        if self.transform_key(found) != key:
            raise ValueError(f"{key!r} does not begin with its own hash")
        return found


class UrlEncodingKeyTransformer(KeyTransformer):
    """Percent-encoding, segment by segment."""

    def transform_key(self, key: str) -> str:
        return quote(key, safe="/")

    def reverse_transform_key(self, key: str) -> str:
        return unquote(key)


class RegexValidator:
    """Refuses keys that a pattern does not match at their start."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __call__(self, key: str) -> None:
        if re.match(self.pattern, key) is None:
            raise InvalidKey(f"{key!r} does not match {self.pattern!r}")


def validate_http_url_key(key: str) -> None:
    """Refuses keys that are no http or https URLs with a host."""
    url = urlsplit(key)
    if url.scheme not in ("http", "https") or not url.netloc:
        raise InvalidKey(f"{key!r} is no http or https URL")
