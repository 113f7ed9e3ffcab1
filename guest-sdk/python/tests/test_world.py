"""The world that the build writes, and that it follows `wit/`."""

from pathlib import Path

from hookcast.build import world
from hookcast.build.error import BuildError
from hookcast.build.source import HOST, Plugin
from support import InFolder


class World(InFolder):
    def plugin(self, host: set[str]) -> Plugin:
        return Plugin(Path("app.py"), hooks={"prepare": 2, "close": 2}, host=host)

    def test_it_has_what_is_used_and_nothing_else(self) -> None:
        folder = self.folder / "wit"
        world.write(self.plugin({"rows"}), world.interface(), folder)
        text = (folder / "python-plugin.wit").read_text()
        self.assertEqual(
            text,
            "world python-plugin {\n    import rows;\n    export describe;\n"
            "    export prepare;\n    export close;\n}\n",
        )
        self.assertTrue((folder / "hooks.wit").is_file())

    def test_every_host_module_is_in_the_interface(self) -> None:
        world.write(self.plugin(set(HOST)), world.interface(), self.folder / "wit")

    def test_versions_are_those_of_the_interface(self) -> None:
        wit = self.folder / "given"
        for name, package in [
            ("types.wit", "hookcast:plugin@0.7.2"),
            ("deps/logging/logging.wit", "wasi:logging@0.9.0-draft"),
        ]:
            self.write(f"// A comment.\npackage {package};\n", f"given/{name}")
        options = world.write(self.plugin({"log", "rows"}), wit, self.folder / "wit")
        for name in [
            "wasi:logging/logging@0.9.0-draft=hookcast_log",
            "hookcast:plugin/rows@0.7.2=hookcast_rows",
            "hookcast:plugin/types@0.7.2=hookcast_types",
        ]:
            self.assertIn(name, options)
        text = (self.folder / "wit/python-plugin.wit").read_text()
        self.assertIn("import wasi:logging/logging@0.9.0-draft;", text)
        with self.assertRaisesRegex(BuildError, "uses `wasi:config/store`, which this interface"):
            world.write(self.plugin({"config"}), wit, self.folder / "again")
