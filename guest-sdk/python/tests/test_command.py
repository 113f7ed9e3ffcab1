"""The command: what it prints, and what it needs."""

import os
import re
import subprocess
import sys
from pathlib import Path

from hookcast.build import component, source
from support import InFolder

SDK = Path(__file__).parents[1]
CLOSE = "def close(call, cause): ..."


class Command(InFolder):
    def run_build(
        self, *arguments: object, python: object = sys.executable, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "hookcast.build", *map(str, arguments)]
        variables = {**os.environ, "PYTHONPATH": str(SDK), **environment}
        return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)

    def test_errors_are_one_line_without_traceback(self) -> None:
        done = self.run_build(self.write("def prepare(:"))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^error: .*app.py:1:13: invalid syntax: `def prepare\(:`\n$")

    def test_what_the_module_raises_is_shown_with_its_place(self) -> None:
        output = self.folder / "app.wasm"
        done = self.run_build(self.write(f"\nnot_defined\n{CLOSE}"), "-o", output)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f'File "{self.folder.resolve()}/app.py", line 2', done.stderr)
        self.assertIn("NameError: name 'not_defined' is not defined", done.stderr)
        self.assertFalse(output.exists())

    def test_without_componentize_py_it_says_how_to_get_it(self) -> None:
        # A virtual environment without packages.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.folder], check=True)
        python = self.folder / "bin/python"
        done = self.run_build(self.write(CLOSE), python=python, PATH="")
        self.assertEqual(
            done.stderr,
            f"error: componentize-py is missing: `{python} -m pip install {component.TOOL}`\n",
        )

    def test_the_version_it_names_is_the_one_it_depends_on(self) -> None:
        project = (SDK / "pyproject.toml").read_text()
        self.assertEqual(re.findall(r'"(componentize-py==.*?)"', project), [component.TOOL])


class Entry(InFolder):
    def test_modules_are_imported_before_they_are_needed(self) -> None:
        plugin = source.read(
            self.write(
                """
                import datetime, logging
                from hookcast import rows

                def modify(call, message):
                    import decimal
                """
            )
        )
        lines = component.entry(plugin).splitlines()
        start = lines.index("import app as plugin")
        for line in ["import hookcast.rows", "hookcast.log.install()", "    import _strptime"]:
            self.assertLess(lines.index(line), start)
        self.assertLess(lines.index("    import decimal"), start)
        self.assertEqual(
            lines[start + 2 :],
            [
                "Describe = _exports.describe(plugin, ['modify'])",
                "Modify = _exports.modify(plugin.modify, 2)",
            ],
        )
