"""Sends. Nothing leaves before the hook has returned and its message is committed;
nothing at all when the call fails or is rejected.

Every function raises `HostError` when the host refuses, with the reason.
"""

from typing import Any

from . import _host
from ._json import dumps

_messaging = _host.interface("hookcast_messaging")


def reply(message: Any) -> None:
    """To the connection that caused the call. Not logged, not replayed."""
    _host.call(_messaging.reply, dumps(message))


def to_connection(connection: str, message: Any) -> None:
    """To one connection of this endpoint, by id. Not logged, not replayed."""
    _host.call(_messaging.to_connection, connection, dumps(message))


def to_user(user: str, message: dict[str, Any]) -> None:
    """To every connection of a user on this endpoint. Logged: who resumes gets it."""
    _host.call(_messaging.to_user, user, dumps(message))


def to_group(group: str, message: dict[str, Any], *, exclude_sender: bool = False) -> None:
    """To every connection in a group. Logged: who resumes gets it."""
    _host.call(_messaging.to_group, group, dumps(message), exclude_sender)


def broadcast(message: dict[str, Any], *, exclude_sender: bool = False) -> None:
    """To every connection of this endpoint. Logged: who resumes gets it."""
    _host.call(_messaging.broadcast, dumps(message), exclude_sender)


def close(connection: str, code: int = 1000, reason: str = "") -> None:
    """Closes a connection of this endpoint after what is buffered for it. ``code`` is
    1000 or 3000 to 4999, ``reason`` at most 123 bytes."""
    _host.call(_messaging.close, connection, code, reason)
