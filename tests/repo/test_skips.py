"""A missing part of the host is one rule's business: `swarm_testkit.host.lacking` skips, and fails where CI is `true`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from swarm_testkit.host import lacking, shared_files, shared_text

_TESTS = Path(__file__).parents[1]
# The one place that may.
_RULE = _TESTS / "swarm_testkit" / "host.py"
_MODULES = frozenset(("pytest", "unittest"))
_SKIPS = frozenset(
    ("skip", "skipif", "importorskip", "xfail", "skipIf", "skipUnless", "SkipTest", "expectedFailure")
)
_FILES = sorted(path for path in _TESTS.rglob("*.py") if path != _RULE)


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _skips(source: str) -> Iterator[int]:
    """Lines that skip a test, or expect it to fail, by pytest's or unittest's own means."""
    nodes = list(ast.walk(ast.parse(source)))
    # `pytest.skip.Exception` is only the name of what skipping raises.
    named = {id(one.value) for one in nodes if isinstance(one, ast.Attribute) and one.attr == "Exception"}
    for node in nodes:
        if isinstance(node, ast.Attribute):
            is_skip = node.attr in _SKIPS and _root(node) in _MODULES and id(node) not in named
        elif isinstance(node, ast.ImportFrom):
            is_skip = node.module in _MODULES and any(alias.name in _SKIPS for alias in node.names)
        else:
            continue
        if is_skip:
            yield node.lineno


def test_no_test_skips_by_itself() -> None:
    """Every skip goes through the one rule, so that none of them is silent where CI is `true`."""
    found = [f"{path.relative_to(_TESTS)}:{line}" for path in _FILES for line in _skips(path.read_text())]
    assert not found, (
        f"{', '.join(found)}: call `swarm_testkit.host.lacking(reason)` instead, which fails in CI; "
        "a test that needs root or Docker takes the marker of that name"
    )


@pytest.mark.parametrize(
    "source",
    [
        "import pytest\npytest.skip('no')",
        "import pytest\n@pytest.mark.skipif(True, reason='no')\ndef test(): ...",
        "import pytest\npytestmark = pytest.mark.skip",
        "import pytest\nx = pytest.importorskip('x')",
        "import pytest\npytest.param(1, marks=pytest.mark.xfail)",
        "from pytest import skip",
        "import unittest\n@unittest.skipIf(True, 'no')\ndef test(): ...",
        "from unittest import SkipTest",
    ],
)
def test_every_form_of_a_skip_is_seen(source: str) -> None:
    """What pytest and unittest offer for skipping is found, whatever way it is written."""
    assert list(_skips(source))


def test_other_things_are_no_skips() -> None:
    """Names that only look alike are left alone."""
    assert not list(_skips("import pytest\nreader.skip(3)\nwith pytest.raises(pytest.skip.Exception): ..."))


def test_a_lack_is_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CI a missing part skips the test with the reason, with `CI=true` it fails it."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        lacking("no such thing")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        lacking("no such thing")


def test_missing_files_beside_the_checkout_are_a_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is not there still makes one test of its files, and that test fails where CI is `true`."""
    monkeypatch.setenv("CI", "true")
    (missing,) = shared_files("no-such-folder")
    with pytest.raises(pytest.fail.Exception, match="no-such-folder is not beside this checkout"):
        shared_text(missing)
