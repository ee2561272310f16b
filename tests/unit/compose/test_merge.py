"""Files laid over one another (docs/design/stacks.md 12.4)."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from swarm_core.compose.dump import dump, escaped
from swarm_core.compose.project import Options, Source, load
from swarm_core.compose.reading.values import plain

_WORDS = st.sampled_from(["a", "b", "c"])
_SERVICE = st.fixed_dictionaries(
    {},
    optional={
        "image": _WORDS,
        "command": st.lists(_WORDS, min_size=1, max_size=2),
        "environment": st.dictionaries(_WORDS, _WORDS, min_size=1),
        "ports": st.lists(st.sampled_from(["80", "81:81", "82:82/udp"]), min_size=1, unique=True),
        "dns": st.lists(_WORDS, min_size=1, unique=True),
        "tty": st.booleans(),
        "networks": st.dictionaries(_WORDS, st.none(), min_size=1),
        "volumes": st.lists(st.sampled_from(["x:/x", "y:/y", "x:/z"]), min_size=1, unique=True),
        "ulimits": st.dictionaries(_WORDS, st.integers(1, 9), min_size=1),
        "deploy": st.fixed_dictionaries({}, optional={"replicas": st.integers(0, 9), "labels": st.dictionaries(_WORDS, _WORDS, min_size=1)}),
        "logging": st.fixed_dictionaries({}, optional={"options": st.dictionaries(_WORDS, _WORDS, min_size=1)}),
    },
)  # fmt: skip
_FILES = st.fixed_dictionaries({"services": st.dictionaries(_WORDS, _SERVICE, min_size=1)})


def _read(path: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", path)


def _text(document: Any) -> str:
    return dump(escaped(document))


def _merged(*texts: str) -> dict[str, Any]:
    # A service without an image is no service in the end: the last file gives each one.
    images = {"services": {name: {"image": "x"} for name in "abc"}}
    sources = [Source(str(number), text.encode()) for number, text in enumerate([*texts, _text(images)])]
    return dict(plain(load(sources, Options("/at", {}, _read)).document))


def _pair(one: str, other: str) -> str:
    return _text(_merged(one, other))


@settings(max_examples=25)
@given(_FILES, _FILES, _FILES)
def test_associative(one: Any, two: Any, three: Any) -> None:
    """Three files are the same however they are taken together, but for the images that each pair is given here."""
    texts = [_text(document) for document in (one, two, three)]
    whole = _merged(*texts)
    assert _merged(_pair(texts[0], texts[1]), texts[2]) == whole
    assert _merged(texts[0], _pair(texts[1], texts[2])) == whole


@settings(max_examples=25)
@given(_FILES)
def test_a_file_over_itself_keeps_its_keys(document: Any) -> None:
    """Laid over itself a file says no other keys, and the same of what is told apart by a key."""
    text = _text(document)
    once, twice = _merged(text), _merged(text, text)
    for name, service in once["services"].items():
        again = twice["services"][name]
        assert service.keys() == again.keys()
        for key in ("environment", "networks", "ulimits", "deploy", "command"):
            assert service.get(key) == again.get(key)
        assert len(service.get("ports", [])) == len(again.get("ports", []))
