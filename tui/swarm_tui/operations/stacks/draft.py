"""A stack while it is filled in: a text, perhaps of a file, and what a deploy of it would come to. No widget.

Rules
1. The text is what counts. A file that is named gives its text once, and the directory in which the text's paths begin.
2. The plan that is shown while one types is made of the cluster as last seen; names with a part that nobody can guess get another one when
   it is carried out, of the cluster as it is then.
"""

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from swarm_core.api.typed_paths import path_of
from swarm_core.compose.changes.held import KINDS, Held
from swarm_core.compose.convert.names import check_stack_name
from swarm_core.compose.project import Project, Source
from swarm_core.compose.reading.errors import ComposeError
from swarm_core.compose.reading.notes import Level
from swarm_core.compose.reading.reader import BYTES_MAX

from swarm_tui.operations.forms.builders import OFF, ON
from swarm_tui.operations.forms.fields import Field, Section, Texts, Verdict, bad, line, rows
from swarm_tui.operations.stacks import reading
from swarm_tui.operations.stacks.prepare import Choices, Prepared, prepare
from swarm_tui.resources.format import plural
from swarm_tui.resources.model import ClusterView

EMPTY: Final[Texts] = ("",)
_TEXT_NAME: Final = "the text"


def _field(key: str, label: str, **more: Any) -> Field:
    return Field(key, label, lambda draft: EMPTY, lambda draft, texts: None, **more)


SECTIONS: Final = (
    Section(
        "",
        (
            _field("file", "File", hint="~/shop/compose.yml", help="A compose file; its paths begin where it lies."),
            _field("name", "Name", hint="shop", help="What the stack is called; empty for the name that the text has."),
            _field("prune", "Prune", options=(OFF, ON), help="On removes services of the stack that the text does not have."),
        ),
    ),
    Section("Profiles", (_field("profiles", "Profile", is_list=True, hint="debug", help="Services of these profiles are in it, too."),)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be said of the fields, what is wrong with the text, and what a deploy would come to."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    wrong: str = ""
    project: Project | None = None
    prepared: Prepared | None = None
    warnings: tuple[str, ...] = ()

    @property
    def first_bad(self) -> str:
        """The field to go to; empty when none is wrong."""
        return next((key for key, one in self.verdicts.items() if one.is_bad), "")


class StackDraft:
    """See the module's text."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.typed: dict[str, Texts] = dict(self.empty)
        self.text = ""
        self._of_file = ""
        """The text that the file had when it was read."""
        self._path: Path | None = None
        self._file = Verdict("")
        self._hashes: dict[bytes, str] = {}
        """Of its secrets: a hash takes a tenth of a second, and each key and each change of the cluster asks for all of them."""
        self.judge_again()

    @property
    def empty(self) -> dict[str, Texts]:
        """What stands in the fields at first."""
        return {one.key: one.options[:1] or EMPTY for section in SECTIONS for one in section.fields}

    @property
    def name(self) -> str:
        """What the stack is called; empty while nobody says."""
        project = self.judged.project
        return line(self.typed["name"]) or (project.name if project is not None else "")

    @property
    def file(self) -> Path | None:
        """The file that says what the text says; None where none does."""
        return self._path if self._path is not None and self.text == self._of_file else None

    @property
    def is_pruned(self) -> bool:
        return line(self.typed["prune"]) == ON

    @property
    def profiles(self) -> list[str]:
        return rows(self.typed["profiles"])

    @property
    def _choices(self) -> Choices:
        return Choices(prune=self.is_pruned, hashes=self._hashes)

    def put(self, key: str, texts: Texts) -> None:
        """Type something into a field."""
        self.typed[key] = texts
        if key == "file":
            self._read(line(texts))
        self.judge_again()

    def take(self, text: str) -> None:
        """Another text."""
        self.text = text
        self.judge_again()

    def _read(self, path: str) -> None:
        self._path, self._file = None, Verdict("")
        if not path:
            return
        whole = path_of(path).absolute()
        try:
            found = whole.stat()
            if not stat.S_ISREG(found.st_mode):
                self._file = bad("no file", f"The path {path} is no file.")
            elif found.st_size > BYTES_MAX:
                self._file = bad("too large", f"A compose file has at most {BYTES_MAX >> 20} MiB.")
            else:
                self.text = self._of_file = whole.read_bytes().decode()
                self._path = whole
                self._file = Verdict(f"✓ {plural(len(self.text.splitlines()), 'line')}", "ok")
        except OSError as error:
            self._file = bad("cannot be read", f"The file {path} cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            self._file = bad("no text", f"The file {path} is no text in UTF-8.")

    def judge_again(self) -> Judged:
        """Verdicts on the cluster as it is now."""
        self.judged = self._judge()
        return self.judged

    def _judge(self) -> Judged:
        verdicts = {key: Verdict("") for key in self.typed}
        verdicts["file"] = Verdict("edited here") if self._path and self.file is None else self._file
        if not self.text.strip():
            verdicts["name"] = self._of_name(line(self.typed["name"]), None)
            return Judged(verdicts)
        try:
            project = self._project()
        except ComposeError as error:
            # The text may have a name, which nobody knows yet.
            if typed := line(self.typed["name"]):
                verdicts["name"] = self._of_name(typed, None)
            return Judged(verdicts, str(error))
        name = line(self.typed["name"]) or project.name
        verdicts["name"] = self._of_name(name, project)
        told = tuple(note.text for note in project.notes.of(Level.WARNING))
        if verdicts["name"].is_bad:
            return Judged(verdicts, "", project, warnings=told)
        try:
            prepared = prepare(project, self.held(name), reading.content(), self._choices, bytes)
        except ComposeError as error:
            return Judged(verdicts, str(error), project, warnings=told)
        return Judged(verdicts, "", project, prepared, told)

    def _of_name(self, name: str, project: Project | None) -> Verdict:
        if not name:
            return bad("needed", "The text has no name: say what the stack is called.")
        try:
            check_stack_name(name)
        except ComposeError as error:
            return bad("letters, digits, - and _", f"{error}.")
        own = self.held(name)
        services = len(own.own(own.services))
        there = f"has {plural(services, 'service')}" if services else "✓ new"
        is_typed = bool(line(self.typed["name"])) or project is None
        return Verdict(there if is_typed else f"{name} · {there}", "ok" if not services else "muted")

    def prepare(self, held: Held, secret_bytes: Callable[[int], bytes]) -> Prepared:
        """The plan for a cluster that holds this. Raises ComposeError."""
        return prepare(self._project(), held, reading.content(), self._choices, secret_bytes)

    def _project(self) -> Project:
        folder = str(self._path.parent) if self._path is not None else str(Path.cwd())
        shown = self._path.name if self._path is not None else _TEXT_NAME
        return reading.project_of([Source(shown, self.text.encode())], folder, self.profiles)

    def held(self, name: str) -> Held:
        """What the cluster holds, as last seen."""
        items: list[Any] = [item for kind in KINDS for item in self.view.objects(kind)]
        return Held.of(name, items)
