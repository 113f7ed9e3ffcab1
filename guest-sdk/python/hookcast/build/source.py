"""What a plugin's source says: its hooks, its handlers, and what it uses of the host.

Nothing of the plugin runs here: the world has to be known before the component is made.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .error import BuildError
from .hooks import HOOKS, accepted

HOST = {
    "alerts": "hookcast:plugin/alerts",
    "config": "wasi:config/store",
    "context": "hookcast:plugin/context",
    "groups": "hookcast:plugin/groups",
    "log": "wasi:logging/logging",
    "messaging": "hookcast:plugin/messaging",
    "rows": "hookcast:plugin/rows",
}
"""Modules with host functions, and the interface behind each."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Plugin:
    """What is to be built."""

    file: Path
    hooks: dict[str, int] = field(default_factory=dict)
    """The hooks it defines, with the number of parameters they are given."""
    host: set[str] = field(default_factory=set)
    """Keys of `HOST` that it uses."""
    imports: set[str] = field(default_factory=set)
    """Modules that it imports anywhere."""
    late: set[str] = field(default_factory=set)
    """Those of them that it imports in functions."""

    @property
    def module(self) -> str:
        return self.file.stem


def read(file: Path) -> Plugin:
    """Reads a plugin and the modules beside it that it imports."""
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise BuildError(
            f"{file}: the file's name must be that of a module, such as `chat.py`; rename it"
        )
    plugin = Plugin(file)
    trees = dict(_trees(file))
    for path, tree in trees.items():
        _Reader(plugin, path, tree).read()
    if any(name.partition(".")[0] == "logging" for name in plugin.imports):
        plugin.host.add("log")  # where the standard module then writes to
    _hooks(plugin, trees[file])
    if not plugin.hooks:
        known = ", ".join(f"`{hook}`" for hook in HOOKS if hook != "handlers")
        raise BuildError(
            f"{file}: it defines no hook. Write a function named {known}, "
            'or a handler: `@handler("TYPE")`'
        )
    return plugin


def _trees(main: Path) -> Iterator[tuple[Path, ast.Module]]:
    """The module and, from import to import, those in its folder."""
    found = {main}
    waiting = [main]
    while waiting:
        file = waiting.pop(0)
        tree = _parse(file)
        yield file, tree
        for name in _imported(tree):
            for path in _local(main.parent, file, name):
                if path not in found:
                    found.add(path)
                    waiting.append(path)


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), filename=str(file))
    except OSError as error:
        raise BuildError(f"can't read {file}: {error.strerror}") from None
    except SyntaxError as error:
        code = f": `{error.text.strip()}`" if error.text else ""
        raise BuildError(f"{file}:{error.lineno}:{error.offset}: {error.msg}{code}") from None
    except ValueError as error:
        raise BuildError(f"{file} is no Python source: {error}") from None


def _imported(tree: ast.AST) -> Iterator[str]:
    """Names of modules that may be imported; a leading dot for each level up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield origin
            # What is imported may be a module as well.
            separator = "" if origin.endswith(".") else "."
            yield from (f"{origin}{separator}{alias.name}" for alias in node.names)


def _local(folder: Path, importer: Path, name: str) -> Iterator[Path]:
    relative = len(name) - len(name.lstrip("."))
    if relative:
        folder = importer.parents[relative - 1]
    parts = [part for part in name.split(".") if part]
    if relative:
        parts.insert(0, "")  # the package itself
    for end in range(1, len(parts) + 1):
        path = folder.joinpath(*parts[:end])
        module = path.parent / f"{path.name}.py"
        yield from (file for file in (module, path / "__init__.py") if file.is_file())


def _hooks(plugin: Plugin, tree: ast.Module) -> None:
    """Finds the hooks among what the module defines."""
    for node in _statements(tree.body):
        if isinstance(node, Function) and node.name in HOOKS:
            plugin.hooks[node.name] = accepted(plugin.file, node, node.name)
        for name in _bound(node):
            if name in HOOKS and name != "handlers":
                plugin.hooks[name] = len(HOOKS[name])
    # In the order in which the interface lists them.
    plugin.hooks = {hook: plugin.hooks[hook] for hook in HOOKS if hook in plugin.hooks}


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when a module is imported."""
    for node in body:
        yield node
        for part in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, part, []))


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that an import or an assignment defines."""
    if isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


class _Reader(ast.NodeVisitor):
    """Finds handlers, imports and host functions in one module."""

    def __init__(self, plugin: Plugin, file: Path, tree: ast.Module) -> None:
        self.plugin = plugin
        self.file = file
        self.tree = tree
        self.packages: set[str] = set()  # names that mean `hookcast` here
        self.decorators: set[str] = set()  # names that mean `hookcast.handler` here
        self.depth = 0  # functions around the node

    def read(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "hookcast":
                        self.packages.add(alias.asname or "hookcast")
            elif isinstance(node, ast.ImportFrom) and node.module == "hookcast":
                for alias in node.names:
                    if alias.name == "handler":
                        self.decorators.add(alias.asname or alias.name)
        self.visit(self.tree)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imported(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            return
        self.imported(node.module or "")
        for alias in node.names:
            self.used(f"{node.module}.{alias.name}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in self.packages:
            self.used(f"hookcast.{node.attr}")
        self.generic_visit(node)

    def visit_FunctionDef(self, node: Function) -> None:
        for decorator in node.decorator_list:
            self.decorated(node, decorator)
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def imported(self, name: str) -> None:
        self.plugin.imports.add(name)
        if self.depth:
            self.plugin.late.add(name)
        self.used(name)

    def used(self, name: str) -> None:
        package, _, module = name.partition(".")
        if package == "hookcast" and module.split(".")[0] in HOST:
            self.plugin.host.add(module.split(".")[0])

    def decorated(self, function: Function, decorator: ast.expr) -> None:
        call = decorator if isinstance(decorator, ast.Call) else None
        if not self.is_handler(call.func if call else decorator):
            return
        types = call.args[:1] if call else []
        named = [key.value for key in call.keywords if key.arg == "message_type"] if call else []
        match [*types, *named]:
            case [ast.Constant(value=str(name))] if name:
                pass
            case [expression] if not isinstance(expression, ast.Constant):
                pass  # A name for it, which only the module itself knows.
            case _:
                problem = 'a handler names its message type: `@handler("TYPE")`'
                raise BuildError.at(self.file, decorator, problem)
        self.plugin.hooks["handlers"] = accepted(self.file, function, "handlers")

    def is_handler(self, decorator: ast.expr) -> bool:
        match decorator:
            case ast.Name(id=name):
                return name in self.decorators
            case ast.Attribute(value=ast.Name(id=package), attr="handler"):
                return package in self.packages
        return False
