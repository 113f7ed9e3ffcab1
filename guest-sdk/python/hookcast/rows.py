"""The endpoint's table. Needs the grant ``rows:read`` (`select`) or ``rows:write`` (the
others).

Every function raises `HostError` when the host refuses, with the reason.
"""

from typing import Any

from . import _host
from ._args import Filter, to_wire
from ._json import dumps, loads

_rows = _host.interface("hookcast_rows")


def select(filter: Filter, limit: int = 1000) -> list[dict[str, Any]]:
    """Committed rows that pass the filter, written as in the query string
    (``{"topic": "Help"}``): at most ``limit``, and never more than 1,000.

    They are not checked again at commit: invariants belong in UNIQUE constraints.
    """
    return [loads(row) for row in _host.call(_rows.select, to_wire(filter), limit)]


def insert(row: dict[str, Any]) -> str:
    """Adds a row with the call's commit and returns its id. Subscribers see a POST."""
    return str(_host.call(_rows.insert, dumps(row)))


def update(row: dict[str, Any]) -> None:
    """Changes the given columns of the row with this ``id``. Subscribers see a PUT."""
    _host.call(_rows.update, dumps(row))


def delete(id: str) -> None:
    """Deletes the row with this id. Subscribers see a DELETE."""
    _host.call(_rows.delete, id)
