"""A view that is lines of text: it can be searched, and the search is cleared before one goes back."""

from swarm_tui.views.savable import Savable, Saved
from swarm_tui.views.view import Findable, Verdict, View
from swarm_tui.widgets.lines import LinesView


class LinesPage(View, Findable, Savable):
    """The ground of texts and logs; `lines` is the widget that holds them."""

    search_text = ""
    """The search and where it stands, for the border."""

    @property
    def lines(self) -> LinesView:
        """The widget that holds the lines."""
        raise NotImplementedError

    def describe_border(self) -> None:
        """What the border says may be different."""
        raise NotImplementedError

    @property
    def plain_text(self) -> str:
        """The whole text."""
        return "\n".join(self.saved.lines)

    @property
    def saved(self) -> Saved:
        lines = (self.lines.line(index) for index in range(self.lines.line_count()))
        return Saved(f"{self.title}.txt", ("".join(text for text, _ in line).rstrip() for line in lines))

    @property
    def title(self) -> str:
        """What the text is about."""
        return self.id or "text"

    @property
    def found_text(self) -> str:
        return self.lines.needle

    def find(self, text: str) -> Verdict:
        self.lines.search(text)
        problem = self.lines.search_problem
        return Verdict(f"✖ {problem}", "error") if problem else Verdict("")

    def take_focus(self) -> None:
        self.lines.focus()

    def next_match(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) match."""
        self.lines.next_match(direction)

    @property
    def can_clear(self) -> bool:
        return bool(self.lines.needle)

    def clear_one(self) -> bool:
        if not self.lines.needle:
            return False
        self.lines.search("")
        return True

    def on_lines_view_look_changed(self, event: LinesView.LookChanged) -> None:
        self.describe_border()

    def on_lines_view_search_changed(self, event: LinesView.SearchChanged) -> None:
        self.search_text = f"/{event.needle} {event.position} of {event.count}" if event.needle else ""
        self.describe_border()
        self.post_message(self.KeysChanged())
