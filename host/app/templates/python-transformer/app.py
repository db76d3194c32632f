"""{{kind}}: a checksum at the end of every chunk, so that damage is noticed.

The comments in wit/transform.wit say what each function must do.
"""

import json
import zlib
from typing import Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.transform import (
    Behaviour,
    Chunked,
    Data_Chunked,
    Description,
    Part,
    Validation_Nothing,
)
from wit_world.imports.types import Error_InvalidData

LENGTH = 4

# The host checks configurations against it, and shows it to people.
SCHEMA = json.dumps({
    "type": "object",
    "properties": {
        "chunk_size": {
            "type": "integer", "minimum": 1, "maximum": 4 << 20, "default": 65536,
            "description": "Bytes with a checksum of their own.",
        },
    },
    "additionalProperties": False,
})


def checksum(data: bytes) -> bytes:
    return zlib.adler32(data).to_bytes(LENGTH, "big")


class Transform(exports.Transform):
    def describe(self) -> Description:
        return Description("{{kind}}", "Keeps a checksum with every chunk.", SCHEMA)

    def configure(self, config: str) -> Behaviour:
        chunk_size = json.loads(config).get("chunk_size", 65536)
        return Behaviour(Data_Chunked(Chunked(chunk_size, LENGTH)), None, Validation_Nothing())

    def encode(self, part: Part, data: bytes) -> bytes:
        return data + checksum(data)

    def decode(self, part: Part, data: bytes) -> bytes:
        decoded = data[:-LENGTH]
        if data[-LENGTH:] != checksum(decoded):
            raise Err(Error_InvalidData(f"chunk {part.index} of {part.key!r} is damaged"))
        return decoded

    # What `configure` did not ask for is never called.
    def map_key(self, key: str) -> str:
        return key

    def unmap_key(self, base_key: str) -> Optional[str]:
        return base_key

    def validate(self, key: str, data: Optional[bytes]) -> None:
        pass
