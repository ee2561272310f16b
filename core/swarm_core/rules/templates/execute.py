"""Running a template: nodes and fields in, text out."""

from collections.abc import Iterable, Mapping

from swarm_core.rules.templates.functions import BUILTINS
from swarm_core.rules.templates.parse import (
    DEPTH_MAX,
    Action,
    Branch,
    Call,
    Constant,
    Field,
    Group,
    Include,
    Jump,
    Misuse,
    Node,
    Operand,
    Pipeline,
    Text,
    Variable,
    parse,
)
from swarm_core.rules.templates.values import (
    NO_VALUE,
    Budget,
    Function,
    Struct,
    TemplateError,
    Value,
    is_true,
    show,
    type_name,
)


class _Absent:
    """Before the first command of a pipeline there is no value, not even nil."""


_ABSENT = _Absent()


class _Left(Exception):
    """A loop is left or begun anew."""

    def __init__(self, keyword: str) -> None:
        super().__init__(keyword)
        self.keyword = keyword


def expand(template: str, fields: Mapping[str, Value], functions: Mapping[str, Function] = BUILTINS) -> str:
    """`template` with its actions replaced. Raises TemplateError."""
    if "{{" not in template:
        return template
    parsed = parse(template)
    return _Run(parsed.defined, functions, Budget()).text(parsed.body, fields)


class _Run:
    def __init__(
        self, defined: Mapping[str, tuple[Node, ...]], functions: Mapping[str, Function], budget: Budget
    ) -> None:
        self._defined, self._functions, self._budget = defined, functions, budget
        self._variables: list[tuple[str, Value]] = []
        self._depth = 0

    def text(self, body: Iterable[Node], dot: Value) -> str:
        """A template with `dot` as its `.` and `$`."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise TemplateError("templates include one another without an end")
        outside, self._variables = self._variables, [("$", dot)]
        out: list[str] = []
        self._nodes(body, dot, out)
        self._variables = outside
        self._depth -= 1
        return "".join(out)

    def _nodes(self, nodes: Iterable[Node], dot: Value, out: list[str]) -> None:
        for node in nodes:
            self._budget.step()
            match node:
                case Text(text):
                    out.append(self._budget.output(text))
                case Action(pipeline):
                    value = self._pipeline(pipeline, dot)
                    if not pipeline.variables:
                        out.append(self._budget.output(NO_VALUE if value is None else show(value)))
                case Branch():
                    self._branch(node, dot, out)
                case Include(name, pipeline):
                    if name not in self._defined:
                        raise TemplateError(f"template {name!r} not defined")
                    inner = None if pipeline is None else self._pipeline(pipeline, dot)
                    out.append(self.text(self._defined[name], inner))
                case Jump(keyword):
                    raise _Left(keyword)

    def _branch(self, node: Branch, dot: Value, out: list[str]) -> None:
        mark = len(self._variables)
        if node.keyword == "range":
            self._range(node, dot, out)
        else:
            value = self._pipeline(node.pipeline, dot)
            if is_true(value):
                self._nodes(node.body, value if node.keyword == "with" else dot, out)
            else:
                self._nodes(node.otherwise, dot, out)
        del self._variables[mark:]

    def _range(self, node: Branch, dot: Value, out: list[str]) -> None:
        value = self._pipeline(node.pipeline, dot)  # which also declares the variables, with the whole value
        items = _items(value)
        variables, some = node.pipeline.variables, False
        if len(variables) > 1 and isinstance(value, int):
            raise TemplateError(f"range over {value} has one variable")
        inner = len(self._variables)
        for key, item in items:
            some = True
            self._budget.step()
            for name, one in zip(variables, (item,) if len(variables) == 1 else (key, item), strict=False):
                self._set(name, one, is_declaration=False)
            try:
                self._nodes(node.body, item, out)
            except _Left as left:
                if left.keyword == "break":
                    break
            finally:
                del self._variables[inner:]
        if not some:
            self._nodes(node.otherwise, dot, out)

    # pipelines

    def _pipeline(self, pipeline: Pipeline, dot: Value) -> Value:
        value: Value | _Absent = _ABSENT
        for command in pipeline.commands:
            value = self._value(command, dot, value)
        assert not isinstance(value, _Absent)
        for name in pipeline.variables:
            self._set(name, value, is_declaration=pipeline.is_declaration)
        return value

    def _value(self, operand: Operand, dot: Value, last: Value | _Absent = _ABSENT) -> Value:
        self._budget.step()
        match operand:
            case Constant(value):
                return value
            case Field(names):
                return _look_up(dot, names)
            case Variable(name, names):
                return _look_up(self._get(name), names)
            case Group(pipeline, names):
                return _look_up(self._pipeline(pipeline, dot), names)
            case Call(name, arguments):
                return self._call(name, arguments, dot, last)
            case Misuse(what):
                raise TemplateError(f"{what} is no function and takes no argument")

    def _call(self, name: str, arguments: tuple[Operand, ...], dot: Value, last: Value | _Absent) -> Value:
        if name in ("and", "or"):
            return self._shortcut(name, arguments, dot, last)
        function = self._functions.get(name)
        if function is None:
            raise TemplateError(f"function {name!r} is not defined")
        values = [self._value(one, dot) for one in arguments]
        if not isinstance(last, _Absent):
            values.append(last)
        try:
            result: Value = function(*values)
        except TypeError as error:
            raise TemplateError(f"wrong arguments for {name!r}: {error}") from None
        if isinstance(result, str):
            self._budget.output(result)
        return result

    def _shortcut(
        self, name: str, arguments: tuple[Operand, ...], dot: Value, last: Value | _Absent
    ) -> Value:
        """The first argument that decides; those after it are not looked at."""
        value: Value | _Absent = _ABSENT
        for argument in arguments:
            value = self._value(argument, dot)
            if is_true(value) == (name == "or"):
                return value
        if not isinstance(last, _Absent):
            return last
        if isinstance(value, _Absent):
            raise TemplateError(f"{name} needs an argument")
        return value

    # variables

    def _get(self, name: str) -> Value:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise TemplateError(f"undefined variable {name!r}")  # declared in a branch that was not taken

    def _set(self, name: str, value: Value, *, is_declaration: bool) -> None:
        if is_declaration:
            self._variables.append((name, value))
            return
        for place in reversed(range(len(self._variables))):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return


def _look_up(value: Value, names: tuple[str, ...]) -> Value:
    for name in names:
        if not isinstance(value, Mapping):
            raise TemplateError(f"there is no field {name!r} in a value of type {type_name(value)}")
        if name not in value:
            raise TemplateError(f"there is no field {name!r}")
        value = value[name]
    return value


def _items(value: Value) -> Iterable[tuple[Value, Value]]:
    match value:
        case None:
            return ()
        case list():
            return enumerate(value)
        case bool() | str() | float() | Struct():
            raise TemplateError(f"range can't iterate over {show(value)}")
        case int():
            return ((number, number) for number in range(value))
        case _:
            return [(key, value[key]) for key in sorted(value)]
