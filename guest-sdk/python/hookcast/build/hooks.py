"""The hooks, and what each is given."""

import ast
from pathlib import Path

from .error import BuildError

HOOKS = {
    "connect": ("call",),
    "open": ("call", "args"),
    "defaults": ("call", "message"),
    "prepare": ("call", "message"),
    "modify": ("call", "message", "row", "old"),
    "handlers": ("call", "message"),
    "close": ("call", "cause"),
}
"""Every hook with its parameters, in the order of the interface. `handlers` is no
function's name: it stands for everything decorated with `@handler`."""

# `row` and `old` may be left out.
FEWEST = {"modify": 2}


def accepted(file: Path, function: ast.FunctionDef | ast.AsyncFunctionDef, hook: str) -> int:
    """How many of the hook's parameters the function takes."""
    name = function.name
    if isinstance(function, ast.AsyncFunctionDef):
        problem = f"`{name}` must be a plain function: hooks are not awaited; remove `async`"
        raise BuildError.at(file, function, problem)
    parameters = HOOKS[hook]
    arguments = function.args
    positional = arguments.posonlyargs + arguments.args
    required = len(positional) - len(arguments.defaults)
    taken = len(parameters) if arguments.vararg else min(len(positional), len(parameters))
    only_named = None in arguments.kw_defaults
    if taken < FEWEST.get(hook, len(parameters)) or required > taken or only_named:
        has = ", ".join(argument.arg for argument in positional)
        what = f"the hook `{hook}`" if name == hook else f"the handler `{name}`"
        wanted = ", ".join(parameters)
        problem = f"{what} is called as `{name}({wanted})`, but it is `{name}({has})`"
        raise BuildError.at(file, function, problem)
    return taken
