"""The command ``python -m hookcast.build``."""

import argparse
import sys
from pathlib import Path

from . import component, source, world
from .error import BuildError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hookcast.build", description="Makes a Hookcast plugin of a Python module."
    )
    parser.add_argument("module", type=Path, help="the module with the hooks, such as chat.py")
    parser.add_argument("-o", "--output", type=Path, help="the component; by default chat.wasm")
    parser.add_argument("--wit", type=Path, help="the server's `wit/`; by default this package's")
    arguments = parser.parse_args()
    output = arguments.output or Path(arguments.module.with_suffix(".wasm").name)
    try:
        plugin = source.read(arguments.module)
        component.build(plugin, arguments.wit or world.interface(), output)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    uses = ", ".join(sorted(plugin.host)) or "no host function"
    print(f"{output}: {output.stat().st_size} bytes; hooks {', '.join(plugin.hooks)}; uses {uses}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
