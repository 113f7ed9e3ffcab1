"""What the host calls: a class for each exported hook, as componentize-py wants it.

The module that the build writes makes them of the plugin's functions. All of this runs at
build time, except the functions named `run`: those are the path of every call.
"""

import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import _args
from ._failure import fail
from ._json import dumps, loads
from .errors import Refuse, Reject
from .handlers import declared
from .identity import Acceptance

Hook = Callable[..., Any]


def describe(plugin: ModuleType, hooks: list[str]) -> type:
    """What the plugin is. The hooks are those that the build exports."""
    from wit_world.exports.describe import Description, Handler

    # What is printed is logged at the end of the line, not when a buffer is full.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    handlers = [
        Handler(message_type, None if schema is None else json.dumps(schema))
        for message_type, (_, schema) in declared.items()
    ]
    description = Description(str(getattr(plugin, "VERSION", "0.0.0")), hooks, handlers)
    return _exported("Describe", describe=lambda self: description)


def connect(hook: Hook) -> type:
    from componentize_py_types import Err
    from wit_world.exports import connect as wire

    def run(self: Any, call: Any) -> Any:
        try:
            answer = hook(call) or Acceptance()
            user = answer.user and wire.User(answer.user.id, _optional(answer.user.claims))
            metadata = _optional(answer.metadata)
            return wire.Acceptance(user, list(answer.groups), metadata, answer.client_id)
        except Refuse as refuse:
            refusal = wire.Refusal(refuse.status, refuse.reason)
        except Reject as reject:
            refusal = wire.Refusal(403, reject.message)
        except BaseException as error:
            fail("connect", error)
        raise Err(refusal)

    return _exported("Connect", connect=run)


def open(hook: Hook) -> type:
    rejected = _rejected()

    def run(self: Any, call: Any, args: Any) -> Any:
        try:
            answer = hook(call, _args.from_wire(args))
            return None if answer is None else _args.to_wire(answer)
        except Reject as reject:
            rejection = reject
        except BaseException as error:
            fail("open", error)
        raise rejected(rejection)

    return _exported("Open", open=run)


def defaults(hook: Hook) -> type:
    return _exported("Defaults", defaults=_message("defaults", hook))


def prepare(hook: Hook) -> type:
    return _exported("Prepare", prepare=_message("prepare", hook))


def modify(hook: Hook, parameters: int) -> type:
    """`parameters` is how many the hook takes: rows that it leaves out are not read."""
    rejected = _rejected()

    def run(self: Any, call: Any, message: str, row: str | None, old: str | None) -> str | None:
        try:
            rows = (row, old)[: parameters - 2]
            read = [None if row is None else loads(row) for row in rows]
            answer = hook(call, loads(message), *read)
            return None if answer is None else dumps(answer)
        except Reject as reject:
            rejection = reject
        except BaseException as error:
            fail("modify", error)
        raise rejected(rejection)

    return _exported("Modify", modify=run)


def handlers() -> type:
    rejected = _rejected()
    functions = {message_type: function for message_type, (function, _) in declared.items()}

    def run(self: Any, call: Any, message_type: str, message: str) -> str | None:
        try:
            answer = functions[message_type](call, loads(message))
            return None if answer is None else dumps(answer)
        except Reject as reject:
            rejection = reject
        except BaseException as error:
            fail(f"handler of {message_type}", error)
        raise rejected(rejection)

    return _exported("Handlers", handle=run)


def close(hook: Hook) -> type:
    def run(self: Any, call: Any, cause: Any) -> None:
        try:
            hook(call, cause)
        except BaseException as error:
            fail("close", error)

    return _exported("Close", close=run)


def _message(name: str, hook: Hook) -> Hook:
    """The hooks that take a message and answer it changed."""
    rejected = _rejected()

    def run(self: Any, call: Any, message: str) -> str | None:
        try:
            answer = hook(call, loads(message))
            return None if answer is None else dumps(answer)
        except Reject as reject:
            rejection = reject
        except BaseException as error:
            fail(name, error)
        raise rejected(rejection)

    return run


def _rejected() -> Callable[[Reject], Any]:
    from componentize_py_types import Err
    from wit_world.imports.hookcast_types import Rejection

    def rejected(reject: Reject) -> Any:
        details = _optional(reject.details)
        return Err(Rejection(str(reject.code), str(reject.message), details))

    return rejected


def _optional(value: Any) -> str | None:
    return None if value is None else dumps(value)


def _exported(name: str, **method: Hook) -> type:
    return type(name, (), dict(method))
