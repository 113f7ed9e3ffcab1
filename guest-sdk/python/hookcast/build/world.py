"""The world of one component, written beside a copy of the interface."""

import re
import shutil
from pathlib import Path

from .error import BuildError
from .source import HOST, Plugin

NAME = "python-plugin"

# The package that the world is written into.
OWN = "hookcast:plugin"
PACKAGE = re.compile(r"^package\s+([a-z0-9:-]+)@([^;\s]+)\s*;", re.MULTILINE)


def interface() -> Path:
    """The folder `wit/`: in the installed package, or else in the repository around it."""
    package = Path(__file__).parents[1]
    for folder in (package / "wit", package.parents[2] / "wit"):
        if folder.is_dir():
            return folder
    raise BuildError("the plugin interface is missing; name its folder with `--wit wit`")


def write(plugin: Plugin, wit: Path, folder: Path) -> list[str]:
    """Writes the world into `folder`, a new copy of `wit`. Returns componentize-py's
    options for it."""
    versions = _versions(wit)
    shutil.copytree(wit, folder)
    used = {f"hookcast_{module}": HOST[module] for module in sorted(plugin.host)}
    imports = [f"    import {_named(interface, versions)};" for interface in used.values()]
    exports = [f"    export {hook};" for hook in ("describe", *plugin.hooks)]
    lines = [f"world {NAME} {{", *imports, *exports, "}", ""]
    # The folder's package; its other files say which.
    (folder / f"{NAME}.wit").write_text("\n".join(lines))
    options = ["--wit-path", str(folder), "--world", NAME]
    # Names of our own: componentize-py's depend on what else the world has.
    used["hookcast_types"] = f"{OWN}/types"
    for name, interface in used.items():
        options += ["--import-interface-name", f"{_versioned(interface, versions)}={name}"]
    return options


def _versions(wit: Path) -> dict[str, str]:
    """Every package in the folder with its version."""
    files = sorted(wit.rglob("*.wit"))
    found = (PACKAGE.search(file.read_text()) for file in files)
    return {match[1]: match[2] for match in found if match}


def _named(interface: str, versions: dict[str, str]) -> str:
    """As the world names it: interfaces of its own package go without package."""
    package, _, name = interface.partition("/")
    return name if package == OWN else _versioned(interface, versions)


def _versioned(interface: str, versions: dict[str, str]) -> str:
    package, _, _ = interface.partition("/")
    if package not in versions:
        raise BuildError(
            f"the plugin uses `{interface}`, which this interface does not have; "
            "build against the server's `wit/`: `--wit wit`"
        )
    return f"{interface}@{versions[package]}"
