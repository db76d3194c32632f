"""JsonSchemaStore: documents that a JSON Schema does not allow are refused."""

import json

import fastjsonschema
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.transform import (
    Behaviour, Data_Unchanged, Description, Part, Validation_Objects,
)
from wit_world.imports.types import Error_InvalidConfig, Error_InvalidData

CONFIG = {
    "type": "object",
    "required": ["schema"],
    "properties": {"schema": {"type": "object", "description": "What every document must be"}},
    "additionalProperties": False,
}

# Modules are there only while the component is built: what compiling looks for
# is looked for now.
fastjsonschema.compile(CONFIG)


class Transform(exports.Transform):
    def describe(self) -> Description:
        doc = "Refuses JSON documents that a schema does not allow"
        return Description("JsonSchemaStore", doc, json.dumps(CONFIG))

    def configure(self, config: str) -> Behaviour:
        try:
            Transform.check = staticmethod(fastjsonschema.compile(json.loads(config)["schema"]))
        except fastjsonschema.JsonSchemaDefinitionException as error:
            raise Err(Error_InvalidConfig(f"schema: {error}")) from None
        return Behaviour(Data_Unchanged(), None, Validation_Objects(1024 * 1024))

    def validate(self, key: str, data: bytes | None) -> None:
        try:
            Transform.check(json.loads(data), name_prefix="document")
        except fastjsonschema.JsonSchemaValueException as error:
            raise Err(Error_InvalidData(f"{key}: {error.message}")) from None
        except ValueError as error:
            raise Err(Error_InvalidData(f"{key}: not JSON: {error}")) from None

    # Not asked for by `configure`, but part of the world.

    def encode(self, part: Part, data: bytes) -> bytes:
        return data

    def decode(self, part: Part, data: bytes) -> bytes:
        return data

    def map_key(self, key: str) -> str:
        return key

    def unmap_key(self, base_key: str) -> str:
        return base_key
