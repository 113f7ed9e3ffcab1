"""What the hook ``connect`` answers."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class User:
    """Who is at the other end."""

    id: str
    """What messages carry as ``user``."""
    claims: dict[str, Any] | None = None
    """What else is known of the user; must be JSON."""


@dataclass
class Acceptance:
    """The connection is accepted. Fields left empty keep what the host knows."""

    user: User | None = None
    """Identity of the user from here on."""
    groups: list[str] = field(default_factory=list)
    """Groups the connection joins before history is sent."""
    metadata: Any = None
    """Free data kept with the connection, read back with `context.metadata`."""
    client_id: str | None = None
    """Client-chosen name of the connection's owner (``_client``)."""
