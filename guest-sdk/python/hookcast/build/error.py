"""Why a module can't be built."""

import ast
from pathlib import Path


class BuildError(Exception):
    """What is wrong, where, and what to do about it."""

    @classmethod
    def at(cls, file: Path, node: ast.AST, problem: str) -> "BuildError":
        line = getattr(node, "lineno", 1)
        return cls(f"{file}:{line}: {problem}")
