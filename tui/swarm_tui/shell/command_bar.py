"""The `:` bar: what is typed is read with every key, and carried out with enter as if its keys had been pressed."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from swarm_tui.resources.refs import ObjectRef
from swarm_tui.shell.runner import Runner
from swarm_tui.verbs.grammar import CommandError, Doing, Going, Grammar
from swarm_tui.views.lists.pane import ObjectPane
from swarm_tui.views.view import Findable, Verdict


class Named:
    """Objects that were named, in place of what is selected. Implements `verbs.ports.Selection`."""

    def __init__(self, refs: tuple[ObjectRef, ...]) -> None:
        self.refs = refs
        self.kind = refs[0].kind


class CommandBar(Findable):
    """See the module's text."""

    find_label: ClassVar[str] = "command"
    find_hint: ClassVar[str] = "svc web state:failed   logs svc/web   scale svc/web +3"
    find_sign: ClassVar[str] = ":"

    def __init__(self, runner: Runner, regain: Callable[[], None]) -> None:
        ports = runner.ports
        self._runner = runner
        self._regain = regain
        self._grammar = Grammar(
            runner.verbs,
            ports.operations.cluster,
            lambda verb: (
                verb.applies(ports) and (not verb.is_on_objects or verb.works_on(ports.selection.kind))
            ),
            lambda verb, said: verb.offers(ports, said) if verb.offers is not None else (),
        )
        self._text = ""

    @property
    def found_text(self) -> str:
        return self._text

    def find(self, text: str) -> Verdict:
        self._text = text
        if not text.strip():
            return Verdict("")
        try:
            return Verdict(self._grammar.told(self._grammar.parse(text)))
        except CommandError as error:
            # What is still being typed is not wrong: the words that it may become are shown instead.
            typed = text.rpartition(" ")[2]
            words = [word for word in self._grammar.complete(text)[1] if word != typed]
            return Verdict("  ".join(words)) if words else Verdict(f"✖ {error}", "error")

    def complete(self, text: str) -> tuple[str, str]:
        completed, words = self._grammar.complete(text)
        return completed, "  ".join(words) if len(words) > 1 else ""

    def take_focus(self) -> None:
        self._regain()

    def begin(self) -> None:
        """Nothing is typed yet."""
        self._text = ""

    def accept(self, text: str) -> str:
        """Carry out what was typed; what is wrong with it, if it cannot be."""
        if not text.strip():
            return ""
        try:
            command = self._grammar.parse(text)
        except CommandError as error:
            return str(error)
        if isinstance(command, Going):
            self._runner.start(lambda: self._go(command), text)
        elif refusal := self._runner.refusal(command.verb):
            return refusal
        else:
            self._runner.start(lambda: self._do(command), command.verb.label)
        return ""

    async def _go(self, going: Going) -> None:
        ports = self._runner.ports
        if not ports.navigator.has(going.link.view):
            ports.desk.go_elsewhere(going.link, going.filter)
            return
        await ports.navigator.go(going.link)
        pane = ports.part(ObjectPane)
        if pane is not None:
            pane.find(going.filter)

    async def _do(self, doing: Doing) -> None:
        ports = self._runner.ports
        if doing.refs:
            ports = replace(ports, selection=Named(doing.refs))
        verb = doing.verb
        self._runner.ran(verb.id)
        rest = verb.told(ports, doing.argument) if doing.argument and verb.told else verb.do(ports)
        if rest is not None:
            await rest
