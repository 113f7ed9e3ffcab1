"""The way to host functions.

The build gives a component the interfaces that its modules use, and no others.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .errors import HostError

try:
    from componentize_py_types import Err
except ImportError:  # not in a component

    class Err(Exception):  # type: ignore[no-redef]
        value: Any


def interface(name: str) -> Any:
    """The functions of an interface, by the name that the build gives it."""
    try:
        world = importlib.import_module("wit_world.imports")
    except ImportError:
        return _Absent(name)
    try:
        return importlib.import_module(f"{world.__name__}.{name}")
    except ImportError:
        module = name.removeprefix("hookcast_")
        raise ImportError(
            f"the build did not see that the plugin uses `{module}`; "
            f"write `from hookcast import {module}` in it"
        ) from None


class _Absent(ModuleType):
    """Stands for an interface where there is no host: a plugin that is unit tested."""

    def __getattr__(self, function: str) -> Any:
        if function.startswith("__"):
            raise AttributeError(function)
        module = self.__name__.removeprefix("hookcast_")
        raise RuntimeError(
            f"`hookcast.{module}` works only in the server; replace it in a unit test"
        )


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a host function; what it refuses is a `HostError`."""
    try:
        return function(*arguments)
    except Err as refused:
        error = refused.value
        if hasattr(error, "code"):
            raise HostError(error.code, error.message) from None
        # Those of wasi:config are a text each.
        raise HostError("unavailable", error.value) from None
