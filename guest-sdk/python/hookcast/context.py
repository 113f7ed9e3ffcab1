"""The connection behind the current call."""

from typing import Any

from . import _host
from ._args import Args, from_wire
from ._json import loads

_context = _host.interface("hookcast_context")


def args() -> Args:
    """The query string in force: the client's, or what ``open`` put in its place."""
    return from_wire(_context.args())


def path_parameters() -> dict[str, str]:
    """Parameters of the endpoint's path: ``room`` for ``path = "/ws/{room}"``."""
    return {pair.name: pair.value for pair in _context.path_parameters()}


def headers() -> list[tuple[str, str]]:
    """Request headers of the handshake, names in lower case, without cookies and
    authorization."""
    return [(pair.name, pair.value) for pair in _context.headers()]


def header(name: str) -> str | None:
    """First request header of this name, which must be in lower case."""
    return next((value for key, value in headers() if key == name), None)


def user() -> dict[str, Any] | None:
    """The user, with at least ``id``; none for anonymous connections."""
    user: dict[str, Any] | None = _read(_context.user())
    return user


def session() -> dict[str, Any] | None:
    """The session, with at least ``id``; none without one."""
    session: dict[str, Any] | None = _read(_context.session())
    return session


def groups() -> list[str]:
    """Groups the connection is in, sorted."""
    return list(_context.groups())


def metadata() -> Any:
    """What the hook ``connect`` kept with the connection."""
    return _read(_context.metadata())


def _read(text: str | None) -> Any:
    return None if text is None else loads(text)
