"""What hooks are told.

For type checkers and unit tests: in a component, hooks are given records of the same
fields as they arrive from the host, so that nothing is copied.
"""

from dataclasses import dataclass


@dataclass
class Call:
    """What every hook is told. Everything else about the connection is one call of
    `hookcast.context` away."""

    connection: str
    """Id of the connection whose frame or event caused the call."""
    user: str | None
    """Id of the authenticated user; none for an anonymous connection."""
    method: str
    """``POST``, ``PUT`` or ``DELETE`` for messages, else empty."""
    endpoint: str
    """Name of the endpoint, as in ``[endpoints.NAME]``."""
    received_at: int
    """When the host received the frame: microseconds since 1970-01-01 UTC."""
    queued: bool
    """True when the message waited in a queue before it was judged."""


@dataclass
class Cause:
    """How a connection ended."""

    code: int
    """WebSocket close code; 1006 when the connection broke."""
    reason: str
    clean: bool
    """True when a close frame was received."""
