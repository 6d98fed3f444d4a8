"""The settings of senders: what may stand below `senders: NAME:` in segflow.yml. Each type's model is in the file of
its sender; the only module of the specs that asks `senders` for anything."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from segflow import senders
from segflow.errors import ConfigurationError
from segflow.senders.base import SenderSettings as SenderModel

__all__ = ["SenderModel", "SenderSettings", "always_there", "model_of", "models", "sender_types"]


def sender_types() -> list[str]:
    """The types that a sender may have."""
    return senders.kinds()


def model_of(kind: str) -> type[SenderModel]:
    """The settings of a type. Raises ConfigurationError."""
    return senders.settings_of(kind)


def models() -> list[type[SenderModel]]:
    """The settings of all types that can be loaded."""
    found = []
    for kind in sender_types():
        try:
            found.append(model_of(kind))
        except ConfigurationError:
            continue
    return found


def always_there() -> dict[str, SenderModel]:
    """The senders that every project has."""
    return {kind: model_of(kind).model_validate({"type": kind}) for kind in ("mailbox", "console")}


class _ByType:
    """Reads a mapping as the settings of its `type`: only the modules of the types that are used are loaded."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.model_dump())
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(core_schema.union_schema([one.__pydantic_core_schema__ for one in models()]))

    @staticmethod
    def read(value: Any, info: core_schema.ValidationInfo) -> SenderModel:
        if isinstance(value, SenderModel):
            return value
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in sender_types():
            raise PydanticCustomError("sender", "type: must be one of {types}", {"types": ", ".join(sender_types())})
        try:
            model = model_of(kind)
        except ConfigurationError as error:
            raise PydanticCustomError("sender_package", "{reason}", {"reason": error.reason}) from error
        return model.model_validate(value, context=info.context)


SenderSettings = Annotated[SenderModel, _ByType]
