"""A template's tokens as nodes."""

from dataclasses import dataclass, field
from typing import TypeAlias

from swarm_core.rules.templates.lex import BLANKS, Token, character_of, number_of, split, unquote
from swarm_core.rules.templates.values import TemplateError

DEPTH_MAX = 100
# Operands


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Field:
    """Fields of the dot, one after the other; none: the dot itself."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments; in a pipeline the value before it is one more."""

    name: str
    arguments: tuple["Operand", ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A pipeline in parentheses, and fields of what it gives."""

    pipeline: "Pipeline"
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misuse:
    """Something that is no function and is given arguments. Go minds only when it comes to that."""

    what: str


Operand: TypeAlias = Constant | Field | Variable | Call | Group | Misuse


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`variables` get the value: declared anew, or set."""

    commands: tuple[Operand, ...]
    variables: tuple[str, ...] = ()
    is_declaration: bool = False


# Nodes


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """if, with or range."""

    keyword: str
    pipeline: Pipeline
    body: tuple["Node", ...]
    otherwise: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Include:
    """Another template by its name, with what its dot shall be."""

    name: str
    pipeline: Pipeline | None


@dataclass(frozen=True, slots=True)
class Jump:
    """break or continue."""

    keyword: str


Node: TypeAlias = Text | Action | Branch | Include | Jump


@dataclass(slots=True)
class Template:
    body: tuple[Node, ...] = ()
    defined: dict[str, tuple[Node, ...]] = field(default_factory=dict)


def parse(text: str) -> Template:
    """Raises TemplateError."""
    template = Template()
    parser = _Parser(list(split(text)), template)
    template.body = parser.whole()
    return template


class _Parser:
    """Reads the parts one after the other; `_tokens` are those of the action at hand."""

    def __init__(self, parts: list[str | list[Token]], template: Template) -> None:
        self._parts = parts
        self._at = 0
        self._template = template
        self._tokens: list[Token] = []
        self._scopes: list[set[str]] = [{"$"}]
        self._loops = 0
        self._depth = 0

    def whole(self) -> tuple[Node, ...]:
        nodes, ended_by = self._list(is_top=True)
        if ended_by:
            raise TemplateError(f"unexpected {{{{{ended_by}}}}}")
        return nodes

    # lists of nodes

    def _list(self, *, is_top: bool = False) -> tuple[tuple[Node, ...], str]:
        """Nodes until `end` or `else`, or until the text ends; and which it was. What follows `else` is left in `_tokens`."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise TemplateError(f"it is more than {DEPTH_MAX} levels deep")
        nodes: list[Node] = []
        while self._at < len(self._parts):
            part = self._parts[self._at]
            self._at += 1
            if isinstance(part, str):
                if part:
                    nodes.append(Text(part))
                continue
            self._tokens = list(part)
            word = part[0].text if part and part[0].kind == "name" else ""
            if word in ("end", "else"):
                self._tokens.pop(0)
                if word == "end":
                    self._finish()
                self._depth -= 1
                return tuple(nodes), word
            nodes.extend(self._node(word, is_top=is_top))
        if not is_top:
            raise TemplateError("an {{end}} is missing")
        self._depth -= 1
        return tuple(nodes), ""

    def _node(self, word: str, *, is_top: bool) -> list[Node]:
        if word in ("if", "with", "range"):
            self._tokens.pop(0)
            return [self._branch(word)]
        if word in ("break", "continue"):
            self._tokens.pop(0)
            self._finish()
            if not self._loops:
                raise TemplateError(f"{word} outside of range")
            return [Jump(word)]
        if word in ("template", "block"):
            self._tokens.pop(0)
            return [self._include(is_block=word == "block")]
        if word == "define":
            if not is_top:
                raise TemplateError("define stands inside of another action")
            self._tokens.pop(0)
            name = self._name()
            self._finish()
            self._define(name)
            return []
        pipeline = self._pipeline()
        self._finish()
        return [Action(pipeline)]

    def _branch(self, keyword: str) -> Branch:
        self._scopes.append(set())
        pipeline = self._pipeline(is_range=keyword == "range")
        self._finish()
        self._loops += keyword == "range"
        body, ended_by = self._list()
        self._loops -= keyword == "range"
        otherwise: tuple[Node, ...] = ()
        if ended_by == "else":
            otherwise = self._otherwise(keyword)
        self._scopes.pop()
        return Branch(keyword, pipeline, body, otherwise)

    def _otherwise(self, keyword: str) -> tuple[Node, ...]:
        if self._tokens and self._tokens[0].text == keyword and keyword != "range":
            self._tokens.pop(0)
            return (self._branch(keyword),)  # it takes the one {{end}} of both
        self._finish()
        body, ended_by = self._list()
        if ended_by == "else":
            raise TemplateError("unexpected {{else}}")
        return body

    def _include(self, *, is_block: bool) -> Include:
        name = self._name()
        pipeline = self._pipeline() if self._tokens else None
        self._finish()
        if is_block:
            if pipeline is None:
                raise TemplateError(f"block {name!r} says no value")
            self._define(name)
        return Include(name, pipeline)

    def _define(self, name: str) -> None:
        scopes, loops = self._scopes, self._loops
        self._scopes, self._loops = [{"$"}], 0
        body, ended_by = self._list()
        self._scopes, self._loops = scopes, loops
        if ended_by == "else":
            raise TemplateError(f"unexpected {{{{else}}}} in {name!r}")
        known = self._template.defined.get(name, ())
        if not _is_empty(known) and not _is_empty(body):
            raise TemplateError(f"template {name!r} is defined twice")
        if not _is_empty(body) or name not in self._template.defined:
            self._template.defined[name] = body

    def _name(self) -> str:
        if not self._tokens or self._tokens[0].kind != "string":
            raise TemplateError("a template's name must be a string")
        return unquote(self._tokens.pop(0).text)

    def _finish(self) -> None:
        if self._tokens:
            raise TemplateError(f"unexpected {self._tokens[0].text!r}")

    # pipelines

    def _pipeline(self, *, is_range: bool = False) -> Pipeline:
        variables, is_declaration = self._targets(is_range)
        if is_declaration:
            self._scopes[-1].update(variables)
        commands = [self._command(is_first=True)]
        while self._tokens and self._tokens[0].text == "|":
            self._tokens.pop(0)
            if self._tokens:  # Go takes a | at the end for nothing
                commands.append(self._command(is_first=False))
        return Pipeline(tuple(commands), variables, is_declaration)

    def _targets(self, is_range: bool) -> tuple[tuple[str, ...], bool]:
        """The variables that get the value, if any."""
        words = [token.text for token in self._tokens[:4]]
        kinds = [token.kind for token in self._tokens[:4]]
        if kinds[:1] == ["variable"] and words[1:2] in ([":="], ["="]):
            count = 2
        elif is_range and kinds[:1] + kinds[2:3] == ["variable"] * 2 and words[1:2] == [","]:
            count = 4
            if words[3:4] not in ([":="], ["="]):
                raise TemplateError("range declares its variables with :=")
        else:
            return (), False
        is_declaration = words[count - 1] == ":="
        del self._tokens[:count]
        names = tuple(word for word, kind in zip(words[:count], kinds, strict=False) if kind == "variable")
        if not is_declaration:
            for name in names:
                self._check_declared(name)
        return names, is_declaration

    def _command(self, *, is_first: bool) -> Operand:
        if not self._tokens or self._tokens[0].text in ("|", ")"):
            raise TemplateError("an action is empty")
        if self._tokens[0].kind == "name" and self._tokens[0].text not in ("true", "false", "nil"):
            name = self._tokens.pop(0).text
            arguments = []
            while self._tokens and self._tokens[0].text not in ("|", ")"):
                arguments.append(self._operand())
            return Call(name, tuple(arguments))
        what = self._tokens[0].text
        value = self._operand()
        if not is_first and (isinstance(value, Constant) or value == Field(())):
            raise TemplateError(f"{what} cannot stand behind |")
        has_arguments = not is_first
        while self._tokens and self._tokens[0].text not in ("|", ")"):
            has_arguments = True
            self._operand()
        if value == Constant(None):
            return Misuse("nil")
        return Misuse(what) if has_arguments else value

    def _operand(self) -> Operand:
        token = self._tokens.pop(0)
        match token.kind:
            case "string":
                return Constant(unquote(token.text))
            case "char":
                return Constant(character_of(token.text))
            case "number":
                return Constant(number_of(token.text))
            case "field":
                return Field(_names(token.text))
            case "variable":
                self._check_declared(token.text)
                return Variable(token.text, self._chain())
            case "name":
                if token.text in ("true", "false"):
                    return Constant(token.text == "true")
                return Constant(None) if token.text == "nil" else Call(token.text)
        if token.text == "(":
            return self._group()
        raise TemplateError(f"unexpected {token.text!r}")

    def _group(self) -> Group:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise TemplateError(f"it is more than {DEPTH_MAX} levels deep")
        pipeline = self._pipeline()
        if not self._tokens or self._tokens.pop(0).text != ")":
            raise TemplateError("a parenthesis is not closed")
        self._depth -= 1
        return Group(pipeline, self._chain())

    def _chain(self) -> tuple[str, ...]:
        """Fields that follow at once."""
        if self._tokens and self._tokens[0].kind == "field" and not self._tokens[0].is_spaced:
            return _names(self._tokens.pop(0).text)
        return ()

    def _check_declared(self, name: str) -> None:
        if not any(name in scope for scope in self._scopes):
            raise TemplateError(f"undefined variable {name!r}")


def _names(path: str) -> tuple[str, ...]:
    return tuple(name for name in path.split(".") if name)


def _is_empty(body: tuple[Node, ...]) -> bool:
    return all(isinstance(node, Text) and not node.text.strip(BLANKS) for node in body)
