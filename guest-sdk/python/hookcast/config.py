"""The plugin's settings, as the operator wrote them in the server's configuration.

Every function raises `HostError` when the host can't read its configuration.
"""

from . import _host

_config = _host.interface("hookcast_config")


def get(key: str) -> str | None:
    """The value of a key; none when it is not set."""
    value: str | None = _host.call(_config.get, key)
    return value


def get_all() -> dict[str, str]:
    """All keys with their values."""
    return dict(_host.call(_config.get_all))
