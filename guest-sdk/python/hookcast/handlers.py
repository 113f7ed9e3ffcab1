"""Typed messages: answered by the plugin instead of being stored."""

from collections.abc import Callable
from typing import Any, TypeVar

from .call import Call

Handler = Callable[[Call, dict[str, Any]], dict[str, Any] | None]
Function = TypeVar("Function", bound=Handler)

declared: dict[str, tuple[Handler, Any]] = {}
"""Every handler with its schema, by message type, in the order of the source."""


def handler(message_type: str, schema: Any = None) -> Callable[[Function], Function]:
    """Declares a function as the handler of a message type.

    ``message_type`` is the value that selects it: ``_type`` in the gramex dialect.
    ``schema`` is a JSON Schema of the message, as a dict; none accepts any object. What
    the function answers goes to the sender; ``None`` answers nothing.

        @handler("ping", {"properties": {"data": {"type": "string"}}})
        def ping(call, message):
            return {"_type": "pong", "data": message.get("data")}
    """

    def declare(function: Function) -> Function:
        if message_type in declared:
            raise ValueError(f"there are two handlers of `{message_type}`; keep one")
        declared[message_type] = (function, schema)
        return function

    return declare
