"""The same service as a compose file, beside the fields: to look at until one writes in it.

The field in which it is written is made when it is first wanted: it costs more to open than all the rest of the form.
"""

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static, TextArea

from swarm_tui.resources.printable import printable
from swarm_tui.widgets.yaml_area import YamlArea
from swarm_tui.widgets.yaml_lines import YamlLines


class TwinPane(Vertical):
    """See the module's text."""

    class Written(Message):
        """Another text stands there now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The cursor went elsewhere."""

    def __init__(self) -> None:
        super().__init__(classes="pane", id="twin-pane")
        self.border_title = "As compose"
        self.border_subtitle = "ctrl+o editor"
        self._text = ""
        self._lines = YamlLines(id="twin-lines")
        self._area: YamlArea | None = None
        self._told = ""
        self._note = Static(id="twin-note", markup=False)

    def compose(self) -> ComposeResult:
        yield self._lines
        yield self._note

    @property
    def is_written_in(self) -> bool:
        """Whether the cursor is in it."""
        return self._area is not None and self._area.has_focus

    @property
    def text(self) -> str:
        """What stands there, also what no message has told yet."""
        return self._area.text if self._area is not None and self._area.display else self._text

    def show(self, text: str) -> None:
        """Hold another text."""
        self._text = text
        if self._area is not None and self._area.display:
            self._area.show(text)
        else:
            self._lines.show_text(text)

    def tell(self, wrong: str) -> None:
        """Say what is wrong with the text; nothing when it is right."""
        told = printable(wrong)
        if told != self._told:
            self._told = told
            self._note.update(told)
            self._note.display = bool(told)

    async def write(self) -> None:
        """Put the cursor into the text."""
        if self._area is None:
            self._area = YamlArea(id="twin-area")
            await self.mount(self._area, before=self._lines)
        self._area.show(self._text)
        self._area.display, self._lines.display = True, False
        self._area.focus()

    async def on_yaml_lines_entered(self, event: YamlLines.Entered) -> None:
        event.stop()
        await self.write()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if event.text_area is self._area and self._area.display and self._area.text != self._text:
            self._text = self._area.text
            self.post_message(self.Written(self._text))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        # Nothing has the cursor while the terminal's window is not in front: then it comes back to where it was.
        if event.widget is self._area and self.screen.focused not in (None, self._area):
            self._area.display, self._lines.display = False, True
            self._lines.show_text(self._text)
            self.post_message(self.Left())
