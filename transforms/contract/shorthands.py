"""What a contract's JSON Schema says of short forms: marks for the types of the model.

The validators of the model turn a short form into the long one; the schema must allow both.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler

from transforms.conversion.clean import CLEANINGS


class OrOne:
    """A list of one may be written as that one."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        of_list = handler(schema)
        return {"anyOf": [of_list["items"], of_list]}


class AsCleaning:
    """What :func:`~transforms.conversion.clean.make_cleaning` takes."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        text = {"type": "string"}
        replacement = {
            "properties": {"find": text, "replace": text},
            "required": ["find"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"enum": list(CLEANINGS)}, {"type": "object", **replacement}]}


class OrNull:
    """The word ``null`` may stand without quotes."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        words = handler(schema)
        return {"enum": [*words["enum"], None]}


class OrText:
    """A column may be written as a bare text too, or as a list of them."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        path = {"type": "string", "description": "A path or a system value."}
        return {"anyOf": [path, {"type": "array", "items": path, "minItems": 1}, handler(schema)]}


class OrValues:
    """A lookup may be its values alone."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        values = {"type": "object", "additionalProperties": {"type": ["boolean", "number", "string"]}}
        return {"anyOf": [handler(schema), values]}


def only_without_extends(schema: dict[str, Any]) -> None:
    """A contract that extends another may leave out what that one says."""
    record = {"properties": {"record": {"required": ["path", "key"]}}}
    schema["if"] = {"not": {"required": ["extends"]}}
    schema["then"] = {"required": schema.pop("required"), **record}
