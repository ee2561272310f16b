"""The reader of compose files: YAML as docker's command line reads it (docs/design/stacks.md 12.2).

PyYAML's parser finds the nodes; what they mean is decided here: scalars (`scalars.resolve`), merge keys, double keys, tags, and how
much one file may hold.
"""

import re
from typing import Any, Final

import yaml

from swarm_core.compose.reading import scalars
from swarm_core.compose.reading.errors import Unreadable
from swarm_core.compose.reading.notes import Notes
from swarm_core.compose.reading.values import Map, Mark, Reset, Seq, WrittenFloat, WrittenInt

BYTES_MAX: Final = 1 << 20
NODES_MAX: Final = 100_000
"""Nodes once every alias is followed: a few lines of anchors can stand for billions."""
_DEPTH_MAX: Final = 100
_BEGINNINGS: Final = re.compile(r"^[ \t?:-]+", re.MULTILINE)
_CORE: Final = "tag:yaml.org,2002:"
_STR: Final = _CORE + "str"
_MERGE: Final = "<<"


class _Nodes(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The parser, which leaves every scalar as it is written."""

    yaml_implicit_resolvers: Final[dict[str, Any]] = {}


def read(data: bytes, file: str, notes: Notes) -> Map:
    """The mapping that a file holds. Raises Unreadable."""
    if len(data) > BYTES_MAX:
        raise Unreadable(f"{file}: larger than {BYTES_MAX >> 20} MiB, the most that a compose file may have")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{file}: not UTF-8 text (byte {error.start})") from None
    reader = _Reader(file, notes)
    value = reader.value_of(_document(text, file, notes))
    if not isinstance(value, Map):
        raise Unreadable("top-level object must be a mapping", Mark(file, 1, 1))
    return value


def _document(text: str, file: str, notes: Notes) -> yaml.Node:
    nodes = _Nodes(text)
    try:
        _check_depth(text, file)
        if not nodes.check_node():
            raise Unreadable("top-level object must be a mapping: the file is empty", Mark(file, 1, 1))
        document: yaml.Node = nodes.get_node()
        _note_further_documents(nodes, file, notes)
    except yaml.YAMLError as error:
        raise _unreadable(error, text, file) from None
    finally:
        nodes.dispose()
    return document


def _check_depth(text: str, file: str) -> None:
    """Raise Unreadable for what is nested too deep. The parser in C would end the process, so nesting is counted before it makes
    nodes, unless a glance shows that it cannot be deep: a level takes a bracket, or a column at the beginning of a line."""
    brackets = text.count("[") + text.count("{")
    if brackets <= _DEPTH_MAX and all(len(begin) <= _DEPTH_MAX for begin in _BEGINNINGS.findall(text)):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Nodes):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_MAX:
                raise Unreadable(f"nested deeper than {_DEPTH_MAX} levels", _mark(file, event.start_mark))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return


def _note_further_documents(nodes: "_Nodes", file: str, notes: Notes) -> None:
    """Docker reads one document and never looks at what follows, sound or not."""
    if nodes.check_node():
        notes.ignored("only the first document is read", _mark(file, nodes.peek_event().start_mark))


def _unreadable(error: yaml.YAMLError, text: str, file: str) -> Unreadable:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or str(error).partition("\n")[0])
    if mark is None:
        return Unreadable(f"{file}: {problem}")
    line = text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
    if line[: mark.column + 1].strip(" ").startswith("\t"):
        problem = "a line may not be indented with a tab"
    return Unreadable(problem, _mark(file, mark))


def _mark(file: str, mark: Any) -> Mark:
    return Mark(file, mark.line + 1, mark.column + 1) if mark is not None else Mark(file, 1, 1)


class _Reader:
    """From nodes to values."""

    def __init__(self, file: str, notes: Notes) -> None:
        self._file = file
        self._notes = notes
        self._count = 0
        self._open: list[yaml.Node] = []

    def value_of(self, node: yaml.Node) -> Any:
        """What a node means; the work is bounded for the whole file."""
        self._count += 1
        mark = _mark(self._file, node.start_mark)
        if self._count > NODES_MAX:
            raise Unreadable(f"document contains excessive aliasing: more than {NODES_MAX} values", mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, mark)
        if any(node is one for one in self._open):
            raise Unreadable("an anchor contains itself", mark)
        if len(self._open) >= _DEPTH_MAX:
            raise Unreadable(f"nested deeper than {_DEPTH_MAX} levels", mark)
        if node.tag == "!reset":
            return Reset(mark)
        self._open.append(node)
        value: Map | Seq
        if isinstance(node, yaml.MappingNode):
            value = self._map(node, mark)
        else:
            value = self._seq(node, mark)
        self._open.pop()
        value.is_override = node.tag == "!override"
        if not node.tag.startswith(_CORE) and not value.is_override:
            self._notes.ignored(f"the tag {node.tag} means nothing here", mark)
        elif value.is_override:
            self._notes.different("docker ignores !override", mark)
        return value

    def _scalar(self, node: yaml.ScalarNode, mark: Mark) -> Any:
        if node.tag == "!reset":
            self._notes.different("docker ignores !reset", mark)
            return Reset(mark)
        is_plain = node.style in (None, "")
        if (
            node.tag not in (_STR, _CORE + "str")
            and not node.tag.startswith(_CORE)
            and node.tag != "!override"
        ):
            self._notes.ignored(f"the tag {node.tag} means nothing here", mark)
        if not is_plain or (node.tag == _STR and self._is_tagged(node)):
            return node.value
        if scalars.is_moment(node.value):
            self._notes.different(
                f"docker reads {node.value} as a moment and writes it out in full; here it stays as written",
                mark,
            )
        return scalars.resolve(node.value)

    def _is_tagged(self, node: yaml.ScalarNode) -> bool:
        """Whether `!!str` was written: the mark then stands before the tag, not before the text."""
        length = node.end_mark.index - node.start_mark.index
        return bool(length > len(node.value) and node.start_mark.line == node.end_mark.line)

    def _seq(self, node: yaml.Node, mark: Mark) -> Seq:
        found = Seq(mark)
        for item in node.value:
            found.add(self.value_of(item), _mark(self._file, item.start_mark))
        return found

    def _map(self, node: yaml.MappingNode, mark: Mark) -> Map:
        found, merged = Map(mark), None
        for key_node, value_node in node.value:
            key, at = self._key(key_node)
            if key == _MERGE and key_node.style in (None, ""):
                if merged is not None:
                    raise Unreadable(f'mapping key "<<" already defined at line {merged[1].line}', at)
                merged = (self._merged(value_node, at), at)
                continue
            if key in found:
                raise Unreadable(f'mapping key "{key}" already defined at line {found.marks[key].line}', at)
            found.put(key, self.value_of(value_node), at)
        if merged is not None:
            for source in merged[0]:
                for key, value in source.items():
                    if key not in found:
                        found.put(key, value, source.at(key))
        return found

    def _key(self, node: yaml.Node) -> tuple[str, Mark]:
        self._count += 1
        at = _mark(self._file, node.start_mark)
        if not isinstance(node, yaml.ScalarNode):
            raise Unreadable("a key must be a text", at)
        is_plain = node.style in (None, "")
        if is_plain and not isinstance(scalars.resolve(node.value), str):
            if node.value == "":
                raise Unreadable("a key is missing before the ':'", at)
            raise Unreadable(f"the key {node.value} is no text: write '{node.value}' in quotes", at)
        return str(node.value), at

    def _merged(self, node: yaml.Node, at: Mark) -> list[Map]:
        """The mappings of a merge key, in the order in which they count."""
        value = self.value_of(node)
        sources = value if isinstance(value, Seq) else [value]
        if not all(isinstance(source, Map) for source in sources):
            raise Unreadable("map merge requires map or sequence of maps as the value", at)
        return list(sources)


def written(value: Any) -> str:
    """A scalar as it stands in the file."""
    if isinstance(value, WrittenInt | WrittenFloat):
        return value.text
    return scalars.as_text(value)
