"""Groups of connections within the endpoint. Changes take effect with the message's
commit; reads see what is committed.

Changes raise `HostError` when the host refuses, with the reason.
"""

from . import _host

_groups = _host.interface("hookcast_groups")


def join(connection: str, group: str) -> None:
    """Adds a connection to a group."""
    _host.call(_groups.join, connection, group)


def leave(connection: str, group: str) -> None:
    """Takes a connection out of a group."""
    _host.call(_groups.leave, connection, group)


def move(connection: str, group: str) -> None:
    """Takes a connection out of every group and adds it to this one."""
    _host.call(_groups.move, connection, group)


def members(group: str) -> list[str]:
    """Ids of the connections in a group; at most 10,000."""
    return list(_groups.members(group))


def count(group: str) -> int:
    """How many connections are in a group."""
    return int(_groups.count(group))
