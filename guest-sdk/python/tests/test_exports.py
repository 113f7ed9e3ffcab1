"""What the host gets of what a hook does, with the classes that componentize-py makes."""

import contextlib
import io
import subprocess
import sys
import tempfile
import types
import unittest
from typing import Any
from unittest import mock

from hookcast import Acceptance, Call, HostError, Refuse, Reject, User
from hookcast import _exports, _failure, _host
from hookcast.build import component, world
from hookcast.build.source import HOST, Plugin

CALL = Call("c1", None, "POST", "shop", 1, False)


def setUpModule() -> None:
    """Makes the bindings of a component that has everything."""
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    plugin = Plugin(component.Path("app.py"), {"connect": 1, "open": 2, "close": 2}, set(HOST))
    options = world.write(plugin, world.interface(), component.Path(folder.name, "wit"))
    bindings = f"{folder.name}/bindings"
    subprocess.run([component._tool(), "--quiet", *options, "bindings", bindings], check=True)
    sys.path.insert(0, bindings)
    unittest.addModuleCleanup(sys.path.remove, bindings)


def prepared(hook: Any, message: str = "{}") -> Any:
    return _exports.prepare(hook)().prepare(CALL, message)


class Answers(unittest.TestCase):
    def test_messages_are_dicts_in_and_out(self) -> None:
        answer = prepared(lambda call, m: {**m, "by": call.connection}, '{"body":"é \\u0041"}')
        self.assertEqual(answer, '{"body":"é A","by":"c1"}')
        self.assertIsNone(prepared(lambda call, message: None))

    def test_rows_that_a_hook_leaves_out_are_not_read(self) -> None:
        for parameters, given in [(2, ()), (3, ({"n": 1},)), (4, ({"n": 1}, None))]:
            seen: list[Any] = []
            hook = _exports.modify(lambda call, message, *rows: seen.append(rows), parameters)
            hook().modify(CALL, "{}", '{"n":1}', None)
            self.assertEqual(seen, [given])

    def test_acceptance_crosses_whole(self) -> None:
        alice = Acceptance(User("alice", {"name": "A"}), ["red"], {"n": 1}, "tab")
        answer = _exports.connect(lambda call: alice)().connect(CALL)
        self.assertEqual((answer.user.id, answer.user.claims), ("alice", '{"name":"A"}'))
        self.assertEqual((answer.groups, answer.metadata), (["red"], '{"n":1}'))
        self.assertEqual(answer.client_id, "tab")
        self.assertIsNone(_exports.connect(lambda call: None)().connect(CALL).user)

    def test_args_are_a_dict_of_lists(self) -> None:
        from wit_world.imports.hookcast_types import Arg

        def hook(call: Any, args: Any) -> Any:
            self.assertEqual(args, {"topic": ["a", "b"]})
            return {"topic": "c", "user": args["topic"]}

        answer = _exports.open(hook)().open(CALL, [Arg("topic", ["a", "b"])])
        self.assertEqual(answer, [Arg("topic", ["c"]), Arg("user", ["a", "b"])])


class Rejections(unittest.TestCase):
    def test_reject_has_its_details_as_json(self) -> None:
        from componentize_py_types import Err

        def hook(call: Any, message: Any) -> None:
            raise Reject("too_long", "Too long.", {"max": 5})

        with self.assertRaises(Err) as raised:
            prepared(hook)
        rejection = raised.exception.value
        told = (rejection.code, rejection.message, rejection.details)
        self.assertEqual(told, ("too_long", "Too long.", '{"max":5}'))

    def test_connect_refuses_with_a_status(self) -> None:
        from componentize_py_types import Err

        for error, status in [(Refuse(451, "No."), 451), (Reject("no", "No."), 403)]:
            hook = mock.Mock(side_effect=error)
            with self.assertRaises(Err) as raised:
                _exports.connect(hook)().connect(CALL)
            refusal = raised.exception.value
            self.assertEqual((refusal.status, refusal.reason), (status, "No."))

    def test_host_errors_keep_their_code(self) -> None:
        from componentize_py_types import Err

        refusing = mock.Mock(side_effect=Err(types.SimpleNamespace(code="limit", message="Full.")))
        with mock.patch("hookcast._host.Err", Err), self.assertRaises(HostError) as raised:
            _host.call(refusing)
        self.assertEqual((raised.exception.code, str(raised.exception)), ("limit", "limit: Full."))


class Failures(unittest.TestCase):
    def failed(self, hook: Any) -> str:
        """What is said when the hook fails; `abort` would end this process."""
        said = io.StringIO()
        ended = mock.patch.object(_failure.os, "abort", side_effect=SystemError("aborted"))
        with ended, contextlib.redirect_stderr(said), self.assertRaises(SystemError):
            prepared(hook)
        return said.getvalue()

    def test_an_exception_has_its_frames_and_its_causes(self) -> None:
        def inner(call: Any, message: Any) -> None:
            try:
                message["absent"]
            except KeyError as error:
                raise ValueError("two\nlines") from error

        said = self.failed(lambda call, message: inner(call, message))
        self.assertRegex(
            said, r"^ValueError: two lines \(.*test_exports.py:\d+ in inner, called from "
        )
        self.assertRegex(said, r"; after KeyError: 'absent' \(.*test_exports.py:\d+ in inner\)\n$")

    def test_what_is_no_json_is_named(self) -> None:
        for value in [{1}, float("nan")]:
            said = self.failed(lambda call, message: {"x": value})
            self.assertIn("(in what `prepare` returned)", said)


class Absent(unittest.TestCase):
    def test_without_a_host_its_functions_say_so(self) -> None:
        with mock.patch.dict(sys.modules, {"wit_world.imports": None}):
            stub = _host.interface("hookcast_rows")
        with self.assertRaisesRegex(RuntimeError, "`hookcast.rows` works only in the server"):
            stub.select({})

    def test_an_interface_that_the_build_left_out_is_an_error(self) -> None:
        with self.assertRaisesRegex(ImportError, "write `from hookcast import kv`"):
            _host.interface("hookcast_kv")
