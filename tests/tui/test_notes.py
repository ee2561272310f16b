"""Notes by themselves: what is painted when they change."""

import pytest
from swarm_tui.widgets.notes import Note, Notes
from swarm_tui.widgets.theme import DARK, role_colors
from textual.app import App


class NotesApp(App):
    def __init__(self):
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name

    def get_css_variables(self):
        variables = super().get_css_variables()
        self.theme_variables = variables | role_colors(self.current_theme, variables)
        return self.theme_variables

    def compose(self):
        yield Notes(empty="nothing")

    def on_mount(self):
        self.screen.set_focus(None)


def notes_of(*headings):
    return [Note([(heading, "text")], [[("because", "muted")]]) for heading in headings]


def lines(app):
    return [strip.text.strip() for strip in app.screen._compositor.render_strips()]


@pytest.mark.parametrize("before, after", [
    (("one", "two", "three"), ("one", "2", "three")),
    (("one",), ("one", "two")),
    (("one", "two"), ("one",)),
    ((), ("one",)),
    (("one",), ()),
])  # fmt: skip
async def test_what_changes_is_painted(before, after, monkeypatch):
    """Other notes stand where they belong, and lines that read as before are not painted again."""
    app = NotesApp()
    async with app.run_test(size=(30, 10)) as pilot:
        notes = app.query_one(Notes)
        app.screen.set_focus(None)
        notes.show(notes_of(*before))
        await pilot.pause()
        painted = []
        paint = Notes.render_line
        monkeypatch.setattr(Notes, "render_line", lambda self, y: painted.append(y) or paint(self, y))
        notes.show(notes_of(*after))
        await pilot.pause()
        expected = [text for heading in after for text in (heading, "because")] or ["nothing"]
        assert [line for line in lines(app) if line] == expected
        if before and after:
            assert 0 not in painted
