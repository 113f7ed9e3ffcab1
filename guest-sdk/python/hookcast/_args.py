"""Query strings: a dict of lists here, a list of records in the interface."""

from collections.abc import Mapping, Sequence
from typing import Any

Args = dict[str, list[str]]
"""The keys of a query string, each with all its values, in order."""

Filter = Mapping[str, str | Sequence[str]]
"""The same to write: one value may stand for a list of one."""


def from_wire(args: list[Any]) -> Args:
    return {arg.key: arg.values for arg in args}


def to_wire(args: Filter) -> list[Any]:
    from wit_world.imports.hookcast_types import Arg

    values = ((key, [value] if isinstance(value, str) else value) for key, value in args.items())
    return [Arg(key, list(value)) for key, value in values]
