"""Spans: cut, padded, wrapped and highlighted by cells, not by characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from swarm_testkit.cluster_fake import FakeCluster
from swarm_testkit.dashboard import dashboard_of
from swarm_tui.resources.printable import printable
from swarm_tui.resources.text_search import Search
from swarm_tui.widgets import paint
from swarm_tui.widgets.ascii_only import to_ascii
from swarm_tui.widgets.cells import bar, curve
from swarm_tui.widgets.paint import cut, fit, folded, highlighted, palette_of, to_strip, width_of, wrap

WORDS = st.text(st.sampled_from("ab é漢字🙂…"), max_size=30)
SPANS = st.lists(st.tuples(WORDS, st.sampled_from(["text", "muted"])), max_size=5)


def plain(spans):
    return "".join(text for text, _ in spans)


@given(SPANS, st.integers(1, 40))
def test_fitted_spans_have_exactly_the_width(spans, width):
    """Whatever the text, a fitted line is as wide as its column."""
    assert width_of(fit(spans, width)) == width


@given(SPANS, st.integers(1, 40))
def test_what_fits_is_not_cut(spans, width):
    """An ellipsis appears only where something was left out."""
    out = cut(spans, width)
    assert width_of(out) <= width
    if width_of(spans) <= width:
        assert plain(out) == plain(spans)


_ODD = st.text(st.sampled_from("a漢e\u0301\u200d\ufe0f☁👩\n\x1b \u202e"), max_size=12)


@given(_ODD, st.integers(0, 3), st.integers(1, 9), st.booleans())
def test_a_long_text_is_cut_like_all_of_it(piece, other, width, is_right):
    """Whatever it is made of, the end of a text that is far too long changes nothing of what is shown."""
    text = (piece + "x" * other) * 40
    spans = [("ab", "muted"), (text, "text")]
    shown = fit(spans, width, right=is_right)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paint, "_CHARACTERS", 10_000)
        assert fit(spans, width, right=is_right) == shown


def test_a_very_long_text_is_not_looked_at_to_its_end(monkeypatch):
    """A cell shows the beginning of a text of a million characters, and no more is made printable or measured."""
    seen = []
    monkeypatch.setattr(paint, "printable", lambda text: seen.append(len(text)) or printable(text))
    monkeypatch.setattr(paint, "cell_len", lambda text: seen.append(len(text)) or cell_len(text))
    assert width_of(fit([("é\n" * 500_000, "text")], 20)) == 20
    assert max(seen) < 200


def test_a_blank_at_the_end_of_a_line_costs_no_letter():
    """A word that just fits is whole, though the blank behind it does not fit any more."""
    assert [plain(line) for line in wrap([("aaa bbbb cc", "text")], 8)] == ["aaa bbbb", "cc"]
    assert [plain(line) for line in wrap([("aaa bbbb ", "text"), ("cc", "muted")], 8)] == ["aaa bbbb", "cc"]


@given(SPANS, st.integers(8, 40))
def test_wrapped_lines_keep_every_word(spans, width):
    """Wrapping moves words to further lines and loses none that fit on a line."""
    lines = wrap(spans, width)
    words = plain(spans).split()
    if all(width_of([(word, "text")]) < width for word in words) and len(spans) <= 1:
        assert " ".join(plain(line) for line in lines).split() == words


@given(SPANS, st.integers(2, 40), st.integers(0, 20))
def test_wrapped_lines_keep_every_letter(spans, width, indent):
    """Whatever the width, nothing is lost but blanks, and no line is too long."""
    lines = wrap(spans, width, indent=indent)
    assert all(width_of(line) <= width for line in lines)
    assert "".join(map(plain, lines)).replace(" ", "") == printable(plain(spans)).replace(" ", "")


def test_a_long_word_behind_a_full_line_is_kept():
    """It is longer than the lines that follow, and begins on one of its own."""
    lines = wrap([("x-  cde bdaax yy", "text")], 8, indent=4)
    assert [plain(line) for line in lines] == ["x-  cde ", "    bdaa", "    x yy"]


@pytest.mark.parametrize("breaking", [wrap, folded])
@pytest.mark.parametrize("letter", ["é", "漢", "a\u0301"])
def test_each_letter_of_a_long_word_is_measured_a_few_times(monkeypatch, breaking, letter):
    """Whatever its length: the time does not grow with the square of it."""
    measured = []
    monkeypatch.setattr(paint, "cell_len", lambda text: measured.append(len(text)) or cell_len(text))
    word = letter * 20_000
    lines = breaking([(word, "text")], 80)
    assert "".join(plain(line) for line in lines) == word
    assert sum(measured) < 8 * len(word)


def test_a_word_longer_than_a_line_is_broken():
    """Nothing of it is cut, and what is indented begins where the rest does."""
    lines = wrap([("Runs ", "muted"), ("registry/a-long-name:1.42", "text"), (" now", "text")], 12, indent=5)
    assert [plain(line) for line in lines] == [
        "Runs registr",
        "     y/a-lon",
        "     g-name:",
        "     1.42 ",
        "     now",
    ]
    assert all(width_of(line) <= 12 for line in wrap([("名" * 40, "text")], 12, indent=5))
    assert sum(plain(line).count("名") for line in wrap([("名" * 40, "text")], 12, indent=5)) == 40


def test_numbers_stand_at_the_right():
    """Right-aligned cells are padded on their left."""
    assert plain(fit([("7", "text")], 4, right=True)) == "   7"


def test_a_match_is_highlighted_across_spans():
    """A match that begins in one span and ends in the next is set in both, whatever its case."""
    out = highlighted(
        [("GET /ca", "muted"), ("rt 200", "text")], Search("/CART").stretches("GET /cart 200"), "match"
    )
    assert plain(out) == "GET /cart 200"
    assert [span for span in out if span[1] == "match"] == [("/ca", "match"), ("rt", "match")]


def test_without_a_match_nothing_changes():
    """No needle, no highlight."""
    spans = [("GET /cart", "text")]
    assert highlighted(spans, [], "match") == spans
    assert highlighted(spans, Search("x").stretches("".join(text for text, _ in spans)), "match") == spans


@pytest.mark.parametrize(
    ("share", "full", "half"),
    [(0, 0, 0), (0.001, 0, 1), (0.5, 5, 0), (0.55, 5, 1), (1.0, 10, 0), (1.7, 10, 0)],
)
def test_bars_are_exact_to_half_a_cell(share, full, half):
    """A bar shows its share to half a cell; what is not nothing shows, and too much is full."""
    text = plain(bar(share, 10, "data"))
    assert len(text) == 10
    assert sum(len(part) for part, role in bar(share, 10, "data") if role == "data") == full + half
    assert text.count("╸") == half


def test_a_curve_is_muted_while_nothing_is_wrong():
    """Curves of healthy things recede; unknown minutes are a dot, known ones a block."""
    assert curve((None, 0.0, 1.0), "data") == [("·", "faint"), ("▁", "calm-dim"), ("▇", "calm-dim")]
    assert curve((0.5,), "error")[0][1] == "error"


@given(WORDS)
def test_ascii_has_one_character_for_each(text):
    """In ASCII every character has a stand-in, so that nothing moves."""
    out = to_ascii(text)
    assert out.isascii()
    assert len(out) == len(text)


@given(SPANS, st.integers(1, 60))
def test_strips_have_no_bare_blanks(spans, width):
    """A strip is as wide as asked and each of its cells has a background."""
    app = dashboard_of(FakeCluster())
    app.get_css_variables()
    strip = to_strip(palette_of(app), fit(spans, width), width, "selection")
    assert strip.cell_length == width
    assert all(segment.style is not None and segment.style.bgcolor is not None for segment in strip)
