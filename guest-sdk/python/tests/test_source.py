"""What the build finds in a plugin's source, and what it refuses."""

import os
from pathlib import Path

from hookcast.build import source
from hookcast.build.error import BuildError
from support import InFolder


class Found(InFolder):
    def test_hooks_are_the_functions_named_after_them(self) -> None:
        plugin = source.read(
            self.write(
                """
                import other

                def prepare(call, message): ...
                def connect(call): ...
                def helper(open): ...
                def modify(call, message, *rows): ...
                class Close:
                    def close(self): ...
                """
            )
        )
        self.assertEqual(plugin.hooks, {"connect": 1, "prepare": 2, "modify": 4})
        self.assertEqual(plugin.host, set())

    def test_rows_may_be_left_out(self) -> None:
        for parameters, taken in [
            ("call, message", 2),
            ("call, message, row", 3),
            ("call, message, row, old, extra=1", 4),
        ]:
            plugin = source.read(self.write(f"def modify({parameters}): ..."))
            self.assertEqual(plugin.hooks, {"modify": taken})

    def test_hooks_may_come_from_elsewhere(self) -> None:
        plugin = source.read(self.write("from shop import check as prepare\nclose = print"))
        self.assertEqual(plugin.hooks, {"prepare": 2, "close": 2})

    def test_host_modules_however_they_are_named(self) -> None:
        for line, used in [
            ("from hookcast import rows as r, Reject", {"rows"}),
            ("from hookcast.groups import join", {"groups"}),
            ("import hookcast.config", {"config"}),
            ("import hookcast\nx = lambda: hookcast.messaging.reply(1)", {"messaging"}),
            ("import hookcast as h\nx = lambda: h.context.user()", {"context"}),
            ("import hookcast\nx = hookcast.Reject", set()),
            ("import logging", {"log"}),
            ("import logging.handlers", {"log"}),
            ("rows = hookcast = {}\nrows.update()", set()),
        ]:
            plugin = source.read(self.write(f"{line}\ndef close(call, cause): ..."))
            self.assertEqual(plugin.host, used, line)

    def test_modules_beside_the_plugin_count_too(self) -> None:
        self.write("from hookcast import rows, handler\nfrom . import deep", "shop/__init__.py")
        self.write(
            """
            import hookcast
            import app  # a circle

            @hookcast.handler("buy")
            def buy(call, message):
                import datetime
            """,
            "shop/deep.py",
        )
        self.write("from hookcast import groups", "unused.py")
        plugin = source.read(self.write("from shop import deep"))
        self.assertEqual(plugin.hooks, {"handlers": 2})
        self.assertEqual(plugin.host, {"rows"})
        self.assertEqual(plugin.late, {"datetime"})

    def test_paths_may_be_relative(self) -> None:
        self.write("import shop\nfrom hookcast import Reject\ndef close(call, cause): ...")
        self.write("from hookcast import rows", "shop.py")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.assertEqual(source.read(Path("app.py")).host, {"rows"})

    def test_the_plugin_of_the_readme(self) -> None:
        readme = (Path(__file__).parents[1] / "README.md").read_text()
        code = readme.partition("```python\n")[2].partition("```")[0]
        plugin = source.read(self.write(code))
        self.assertEqual(plugin.hooks, {"prepare": 2, "modify": 2})
        self.assertEqual(plugin.host, {"context"})


class Refused(InFolder):
    def refused(self, text: str, *words: str, name: str = "app.py") -> None:
        with self.assertRaises(BuildError) as raised:
            source.read(self.write(text, name))
        for word in words:
            self.assertIn(word, str(raised.exception))

    def test_syntax_errors_have_their_place(self) -> None:
        self.refused("x = 1\ndef prepare(:", "app.py:2:", "`def prepare(:`")
        self.write("def broken(", "shop.py")
        self.refused("import shop", "shop.py:1:")

    def test_no_hook(self) -> None:
        self.refused("def prepair(call, message): ...", "defines no hook", "`prepare`", "@handler")

    def test_other_parameters(self) -> None:
        for function, says in [
            ("def prepare(message): ...", "`prepare(call, message)`, but it is `prepare(message)`"),
            ("def open(path, mode, more): ...", "`open(call, args)`"),
            ("def modify(call): ...", "`modify(call, message, row, old)`"),
            ("def close(call, cause, *, why): ...", "`close(call, cause)`"),
            ("async def connect(call): ...", "remove `async`"),
        ]:
            self.refused(f"\n{function}", "app.py:2:", says)

    def test_handlers_of_another_shape(self) -> None:
        for decorator, function, says in [
            ("@handler", "def ping(call, message): ...", '@handler("TYPE")'),
            ("@handler()", "def ping(call, message): ...", '@handler("TYPE")'),
            ("@handler(7)", "def ping(call, message): ...", '@handler("TYPE")'),
            ('@handler("ping")', "def ping(message): ...", "the handler `ping` is called as"),
            ('@handler("ping")', "async def ping(call, message): ...", "remove `async`"),
        ]:
            self.refused(f"from hookcast import handler\n{decorator}\n{function}", "app.py:", says)

    def test_names_that_are_no_modules(self) -> None:
        for name in ["my-plugin.py", "plugin.txt"]:
            self.refused("", "rename it", name=name)
        with self.assertRaisesRegex(BuildError, "can't read .*absent.py"):
            source.read(self.folder / "absent.py")
