"""Write Hookcast plugins in Python.

A plugin is a module with functions named after hooks. What it does not define is not
exported, and the host never calls it.

    from hookcast import Reject

    VERSION = "1.0.0"

    def prepare(call, message):
        body = message.get("body", "").strip()
        if not body:
            raise Reject("empty_body", "Write something first.")
        return {**message, "body": body}

``python -m hookcast.build chat.py`` makes ``chat.wasm`` of it. The hooks:

=========================================  ============================================
``connect(call)``                          may answer an `Acceptance`, or raise `Refuse`
``open(call, args)``                       may answer other args
``defaults(call, message)``                may answer the message with its defaults
``prepare(call, message)``                 may answer what is stored
``modify(call, message, row, old)``        may answer what is broadcast; ``row`` and
                                           ``old`` may be left out, which saves reading
                                           them
``@handler("TYPE") def f(call, message)``  may answer the sender
``close(call, cause)``                     answers nothing
=========================================  ============================================

Messages and rows are dicts; ``None`` leaves a message as it is. `Reject` rejects it.
Any other exception is a failure of the plugin: the sender is told that the server's
logic failed, and the exception is in the server's log with file and line.

Host functions are in the modules `messaging`, `groups`, `context`, `config`, `log` and
`rows`, which needs a grant.
"""

from .call import Call, Cause
from .errors import HostError, Refuse, Reject
from .handlers import handler
from .identity import Acceptance, User

__all__ = [
    "Acceptance",
    "Call",
    "Cause",
    "HostError",
    "Refuse",
    "Reject",
    "User",
    "handler",
]
