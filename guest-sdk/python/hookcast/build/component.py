"""The component itself, by way of componentize-py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from . import world
from .error import BuildError
from .source import Plugin

ENTRY = "hookcast_component"
TOOL = "componentize-py==0.25.1"


def build(plugin: Plugin, wit: Path, output: Path) -> None:
    """Makes the component and puts it into `output`, whole or not at all."""
    tool = _tool()
    with TemporaryDirectory(prefix="hookcast-") as temporary:
        folder = Path(temporary)
        options = world.write(plugin, wit, folder / "wit")
        (folder / f"{ENTRY}.py").write_text(entry(plugin))
        # Only what a component needs of this package, and not what is installed beside it.
        package = Path(__file__).parents[1]
        leave_out = shutil.ignore_patterns("build", "wit", "__pycache__")
        shutil.copytree(package, folder / "hookcast", ignore=leave_out)
        made = folder / "component.wasm"
        beside = plugin.file.resolve().parent
        paths = ["--python-path", str(folder), "--python-path", str(beside)]
        command = [tool, *options, "componentize", *paths, ENTRY, "--output", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{plugin.file} can't be built:\n{_relevant(done.stderr, beside)}")
        half = output.with_name(f".{output.name}.part")
        shutil.copyfile(made, half)
        half.replace(output)


def entry(plugin: Plugin) -> str:
    """The module that componentize-py starts from: imports first, then what is exported."""
    lines = [f'"""What the host calls of {plugin.file.name}; made by hookcast.build."""', ""]
    lines += ["from contextlib import suppress", "", "from hookcast import _exports"]
    lines += [f"import hookcast.{module}" for module in sorted(plugin.host)]
    if any(name.partition(".")[0] == "logging" for name in plugin.imports):
        lines.append("hookcast.log.install()")
    # A component has no files: what a function would import has to be there already.
    for module in sorted(plugin.late | _hidden(plugin.imports)):
        lines += ["with suppress(ImportError):", f"    import {module}"]
    lines += [f"import {plugin.module} as plugin", ""]
    lines.append(f"Describe = _exports.describe(plugin, {list(plugin.hooks)})")
    for hook, parameters in plugin.hooks.items():
        given = {"handlers": "", "modify": f"plugin.modify, {parameters}"}
        lines.append(f"{hook.title()} = _exports.{hook}({given.get(hook, f'plugin.{hook}')})")
    return "\n".join(lines) + "\n"


def _hidden(imports: set[str]) -> set[str]:
    """Modules that the standard library imports in its functions, in C: `strptime`."""
    return {"_strptime"} if imports & {"datetime", "time"} else set()


def _tool() -> str:
    folders = [os.path.dirname(sys.executable), os.environ.get("PATH", "")]
    tool = shutil.which("componentize-py", path=os.pathsep.join(folders))
    if tool is None:
        raise BuildError(f"componentize-py is missing: `{sys.executable} -m pip install {TOOL}`")
    return tool


def _relevant(errors: str, folder: Path) -> str:
    """The part that is about the plugin, with its files where they really are."""
    told = errors.rpartition("AssertionError: ")[2]  # as componentize-py raises everything
    if told.startswith("Traceback"):
        told = told.partition("\n\nCaused by:")[0]
    return told.replace('File "/1/', f'File "{folder}/').strip()
