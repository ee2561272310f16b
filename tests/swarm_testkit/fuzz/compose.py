"""Compose files, and the files that they refer to.

What must hold: a file is refused with a ComposeError, whose text is a sentence without a traceback; or it is taken, and then
1. its normal form, written out, is read again as the same (docs/design/stacks.md 12.1);
2. it makes specs that can be sent, or is refused for them.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from swarm_core.compose.convert.names import PayloadNames, Style
from swarm_core.compose.convert.payloads import Content
from swarm_core.compose.convert.stack import convert
from swarm_core.compose.dump import dump, escaped
from swarm_core.compose.project import Options, Project, Source, load
from swarm_core.compose.reading.errors import ComposeError

from swarm_testkit.compose_files import cases
from swarm_testkit.fuzz.frame import Kind, Player, must
from swarm_testkit.fuzz.mutations import bent, bent_bytes, deep, odd

_FOLDER = "/at"
_OTHERS = ("include.yml", "base.yml", "some.env", "content")
_SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "include", "name", "version", "x-a")


class _Quoted(str):
    """A text that stood in quotes, and is to stand in some again."""

    __slots__ = ()


class _AsWritten(yaml.BaseLoader):
    """Every scalar as it is written."""


class _Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes a text without quotes where it stood without, even where a reader takes it for something else."""


def _scalar(loader: yaml.BaseLoader, node: yaml.ScalarNode) -> str:
    return _Quoted(node.value) if node.style in ("'", '"') else str(node.value)


_AsWritten.add_constructor("tag:yaml.org,2002:str", _scalar)
_Plain.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text))
_Plain.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)
_Plain.yaml_implicit_resolvers = {}


class _Corpus:
    """The good files, as bytes and as trees, and every part of the trees."""

    def __init__(self) -> None:
        paths = [path for case in cases() for path in case.files]
        self.texts = [path.read_bytes() for path in paths]
        self.environments = [
            path.read_bytes() for case in cases() for path in sorted(case.folder.glob("*.env"))
        ]
        self.variables = [case.variables for case in cases()]
        self.trees = [yaml.load(text, Loader=_AsWritten) for text in self.texts]
        self.parts = [part for tree in self.trees for part in _parts(tree)]


def _parts(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(inner)


@contextmanager
def _opened() -> Iterator[Player]:
    corpus = _Corpus()
    yield lambda seed: _play(corpus, random.Random(seed))


def _play(corpus: _Corpus, rng: random.Random) -> str:
    sources = [
        Source(f"{_FOLDER}/{number}.yml", _drawn(corpus, rng)) for number in range(rng.choice((1, 1, 1, 2)))
    ]
    others = {f"{_FOLDER}/{name}": _other(corpus, rng) for name in _OTHERS if rng.random() < 0.5}

    def read(path: str) -> bytes:
        if path in others:
            return others[path]
        if rng.random() < 0.3:
            raise FileNotFoundError(2, "No such file or directory", path)
        return b"A=b\n"

    variables = rng.choice(corpus.variables)
    options = Options(_FOLDER, variables, read, is_interpolated=rng.random() < 0.9)
    try:
        project = load(sources, options)
    except ComposeError as error:
        return _refused(error)
    try:
        _convert(project, rng, Content(lambda path: others.get(path, b"content"), variables))
    except ComposeError as error:
        _refused(error)
        _reads_again(project)
        return "refused as specs"
    _reads_again(project)
    return "taken"


def _refused(error: ComposeError) -> str:
    must(str(error).strip(), "a refusal says why")
    must(
        "Traceback" not in str(error) and " object at 0x" not in str(error),
        f"a refusal is a sentence: {error}",
    )
    return f"refused: {type(error).__name__}"


def _convert(project: Project, rng: random.Random, content: Content) -> None:
    names = PayloadNames(rng.choice(tuple(Style)), b"salt", {}, lambda: rng.randbytes(8).hex())
    desired = convert(project, "fuzz", names, content)
    for spec in desired.services.values():
        must(type(spec).FromString(spec.SerializeToString()) == spec, "a spec survives its way")


def _reads_again(project: Project) -> None:
    """Law 1."""
    text = dump(escaped(project.plain))

    def read(path: str) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", path)

    again = load([Source("again.yml", text.encode())], Options(_FOLDER, {}, read, profiles=("*",)))
    must(dump(escaped(again.plain)) == text, f"the normal form reads again as the same: {text[:2000]}")


def _drawn(corpus: _Corpus, rng: random.Random) -> bytes:
    way = rng.random()
    if way < 0.35:
        return bent_bytes(rng, rng.choice(corpus.texts), corpus.texts)
    tree = rng.choice(corpus.trees)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        tree = bent(rng, tree, corpus.parts)
    if isinstance(tree, dict) and rng.random() < 0.15:
        tree = {
            **tree,
            rng.choice(_SECTIONS): rng.choice((odd(rng), list(_OTHERS), rng.choice(corpus.parts))),
        }
    if rng.random() < 0.002:
        return deep(rng, "x-deep: ", "[", "]") if rng.random() < 0.5 else deep(rng, "x-deep: ", "{a: ", "}")
    text = yaml.dump(tree, Dumper=_Plain, allow_unicode=True)
    data = str(text).encode("utf-8", "surrogatepass")
    return bent_bytes(rng, data) if rng.random() < 0.1 else data


def _other(corpus: _Corpus, rng: random.Random) -> bytes:
    good = rng.choice((*corpus.environments, *corpus.texts))
    return good if rng.random() < 0.3 else bent_bytes(rng, good)


KIND = Kind(
    "compose",
    "compose files, and the environment and other files that they refer to",
    _opened,
    (
        "swarm_core.compose.reading",
        "swarm_core.compose.shape",
        "swarm_core.compose.forms",
        "swarm_core.compose.convert",
        "swarm_core.compose.project",
    ),
)
