"""A hook that raised something other than a rejection: the exception reaches the server's
log, and the call traps.
"""

import os
import re
import sys
import types
from typing import NoReturn

# Frames and exceptions that are shown: the host cuts lines after 1 KiB.
FRAMES = 8
EXCEPTIONS = 3

# Frames that are the same in every failure, and of no help: this package's and those of
# the standard library. (`os` does not know its own file in a component.)
HIDDEN = (os.path.dirname(__file__), os.path.dirname(types.__file__))
# The build calls the folders of a component /0, /1 and so on.
FOLDER = re.compile(r"^/\d+/")


def fail(hook: str, error: BaseException) -> NoReturn:
    """Says what happened on standard error and ends the call by a trap.

    The host throws the instance away then, and logs what was said last.
    """
    print(in_one_line(hook, error), file=sys.stderr, flush=True)
    os.abort()


def in_one_line(hook: str, error: BaseException) -> str:
    """The exception with its frames, the innermost first, and what it came from."""
    told: list[str] = []
    shown: BaseException | None = error
    while shown is not None and len(told) < EXCEPTIONS:
        where = _frames(shown.__traceback__) or f"in what `{hook}` returned"
        text = " ".join(str(shown).split())
        name = type(shown).__name__
        told.append(f"{name}: {text} ({where})" if text else f"{name} ({where})")
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)
    return "; after ".join(told)


def _frames(traceback: types.TracebackType | None) -> str:
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(HIDDEN):
            file = FOLDER.sub("", code.co_filename)
            frames.append(f"{file}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    frames.reverse()
    if len(frames) > FRAMES:
        frames[FRAMES:] = [f"{len(frames) - FRAMES} more"]
    return ", called from ".join(frames)
