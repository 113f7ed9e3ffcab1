"""How a hook says no, and how the host does."""

from typing import Any


class Reject(Exception):
    """The message is not accepted, and nothing of the call takes effect.

    ``code`` is a stable word for programs, ``message`` a sentence for the person who
    sent the message, and ``details`` more for programs: anything JSON.
    """

    def __init__(self, code: str, message: str, details: Any = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details


class Refuse(Exception):
    """Raised by ``connect``: the handshake is answered with an HTTP error, 400 to 599."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class HostError(Exception):
    """A host function refused. Nothing was done.

    ``code`` is ``invalid``, ``denied``, ``limit``, ``not_found`` or ``unavailable``;
    ``message`` says what was wrong and what to do about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
