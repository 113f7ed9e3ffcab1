"""Mails to people. Needs the grant ``alerts``.

Every function raises `HostError` when the host refuses, with the reason.
"""

from typing import Any

from . import _host
from ._json import dumps

_alerts = _host.interface("hookcast_alerts")


def send(mail: dict[str, Any]) -> None:
    """Sends a mail once the call's message is committed; if that is not, there is no mail.

    ``to``, ``cc``, ``bcc``, ``reply_to``, ``subject``; ``body``, ``html`` or ``markdown``;
    ``service`` where the server has several. Its texts are sent as they are.
    """
    _host.call(_alerts.send, dumps(mail))
