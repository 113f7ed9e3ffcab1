"""Lines in the server's log.

The host adds plugin, version and generation, cuts long lines, and drops lines that come
too fast. ``context`` says where in the plugin a line comes from.

A plugin that imports the standard `logging` module logs here, too, from level info on;
``logging.getLogger().setLevel(...)`` changes that. What is printed is logged at level
info, and what goes to standard error at level error.
"""

import logging

from . import _host

_log = _host.interface("hookcast_log")


def trace(message: str, context: str = "") -> None:
    """The values of variables and the flow of control."""
    _log.log(_log.Level.TRACE, context, message)


def debug(message: str, context: str = "") -> None:
    """For someone debugging the plugin."""
    _log.log(_log.Level.DEBUG, context, message)


def info(message: str, context: str = "") -> None:
    """For someone watching the server."""
    _log.log(_log.Level.INFO, context, message)


def warn(message: str, context: str = "") -> None:
    """Something could go wrong."""
    _log.log(_log.Level.WARN, context, message)


def error(message: str, context: str = "") -> None:
    """Something went wrong."""
    _log.log(_log.Level.ERROR, context, message)


def critical(message: str, context: str = "") -> None:
    """Nothing works."""
    _log.log(_log.Level.CRITICAL, context, message)


class Handler(logging.Handler):
    """Takes the records of the standard `logging` module to the server's log; the
    logger's name becomes the context."""

    def emit(self, record: logging.LogRecord) -> None:
        levels = (
            (logging.CRITICAL, critical),
            (logging.ERROR, error),
            (logging.WARNING, warn),
            (logging.INFO, info),
            (logging.DEBUG, debug),
        )
        write = next((write for level, write in levels if record.levelno >= level), trace)
        try:
            write(self.format(record), record.name)
        except Exception:
            self.handleError(record)


def install() -> None:
    """Makes the standard `logging` module log here. Plugins that import it need not call
    this: their build does."""
    root = logging.getLogger()
    root.addHandler(Handler())
    root.setLevel(logging.INFO)
