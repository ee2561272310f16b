"""A field for a text of several lines in YAML, with its keys set off."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from swarm_tui.widgets.paint import palette_of
from swarm_tui.widgets.yaml_roles import stretches


class YamlArea(TextArea):
    """Tab leads on to the next field."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("shift+tab", "screen.focus_previous", show=False)]
    DEFAULT_CSS = """
    YamlArea { border: none; padding: 0 1; height: 1fr; background: $background; color: $sw-text; }
    YamlArea:focus { border: none; }
    YamlArea { scrollbar-size-vertical: 1; scrollbar-color: $sw-faint; }
    YamlArea .text-area--cursor-line { background: $background; }
    YamlArea:focus .text-area--cursor-line { background: $sw-raised; }
    YamlArea .text-area--cursor { background: $sw-accent; color: $background; }
    YamlArea .text-area--selection { background: $sw-selection; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(
            id=id, compact=True, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=True
        )

    def show(self, text: str) -> None:
        """Hold another text, with the cursor on the line where it was."""
        if text != self.text:
            row, column = self.cursor_location
            self.load_text(text)
            row = min(row, self.document.line_count - 1)
            self.move_cursor((row, min(column, len(self.document.get_line(row)))))

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        palette = palette_of(self.app)
        for start, end, role in stretches(line.plain):
            line.stylize(_ink(palette.style(role).color), start, end)
        return line


def _ink(color: object) -> str:
    from rich.color import Color

    return color.name if isinstance(color, Color) else ""
