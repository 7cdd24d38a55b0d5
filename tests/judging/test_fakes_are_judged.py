"""Every fake of Klaviyo passes requests to the judge."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
SENDING_METHODS = {"call", "attempt"}
"""The methods of `streams.klaviyo.api.protocol.KlaviyoApi` that send."""

PASSED_ON = {"note_request", *SENDING_METHODS}
"""Functions that such a method calls: the judge, or another client."""


def fakes() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    """Find every method of a fake client that sends a request."""
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.AsyncFunctionDef) and node.name in SENDING_METHODS:
                kinds = [
                    ast.unparse(argument.annotation or node)
                    for argument in node.args.args
                ]
                if "Request" in kinds:
                    yield f"{path.relative_to(TESTS)}:{node.name}", node


def called(node: ast.AST) -> set[str]:
    """Return the names of the called functions."""
    calls = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    return {
        name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
        for name in calls
    }


def test_a_fake_client_passes_its_requests_on() -> None:
    """To the judge, or to a client that is judged itself."""
    found = dict(fakes())

    assert found
    assert [name for name, node in found.items() if not called(node) & PASSED_ON] == []


def test_what_explain_prints_is_shown_to_the_judge() -> None:
    """Tests that print requests record the requests for the judge."""
    silent = [
        path.relative_to(TESTS).as_posix()
        for path in sorted(TESTS.rglob("*.py"))
        if "RecordingClient(FakeKlaviyo" in path.read_text()
        or 'invoke(main, ["explain"' in path.read_text()
        if path != Path(__file__)
        if not {"note_printed_requests", "JudgedClient"}
        & called(ast.parse(path.read_bytes()))
    ]

    assert silent == []


def test_a_fake_server_shows_its_requests_to_the_judge() -> None:
    """Modules with a server record the received requests."""
    silent = [
        path.relative_to(TESTS).as_posix()
        for path in sorted(TESTS.rglob("*.py"))
        if "web.Application(" in path.read_text() and path != Path(__file__)
        if "note_request" not in called(ast.parse(path.read_bytes()))
    ]

    assert silent == []
