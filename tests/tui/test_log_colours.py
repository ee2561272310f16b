"""A program's colours in the dashboard's logs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color as RichColor
from swarm_core.api.proto import objects_pb2
from swarm_testkit.cluster_fake import FakeCluster, lively_cluster, log_line
from swarm_testkit.dashboard import running
from swarm_tui.resources.printable import without_escapes
from swarm_tui.widgets import sgr
from swarm_tui.widgets.log_buffer import TEXT_MAX, LogBuffer, LogLine
from swarm_tui.widgets.paint import palette_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", [("plain", "text")]),
        ("\x1b[31mred\x1b[0m end", [("red", "sgr:error::"), (" end", "text")]),
        ("\x1b[1;32mok\x1b[22m!", [("ok", "sgr:ok::b"), ("!", "sgr:ok::")]),
        ("\x1b[mx", [("x", "text")]),
        ("\x1b[93;44mx\x1b[39;49my", [("x", "sgr:warning:accent:"), ("y", "text")]),
        ("\x1b[38;5;196mx", [("x", "sgr:#ff0000::")]),
        ("\x1b[38;5;1mx", [("x", "sgr:error::")]),
        ("\x1b[38;2;1;2;3mx", [("x", "sgr:#010203::")]),
        ("\x1b[48:2::1:2:3mx", [("x", "sgr:text:#010203:")]),
        ("\x1b[48:2:1:2:3mx", [("x", "sgr:text:#010203:")]),
        ("\x1b[38;2;999;2;3mx", [("x", "text")]),
        ("\x1b[38;5mx", [("x", "text")]),
        ("\x1b[2J\x1b]0;title\x07\x1b[31ma\x1b[3Ab", [("ab", "sgr:error::")]),
        ("a\x1b[31m\tb", [("a", "text"), ("       b", "sgr:error::")]),
    ],
)
def test_colours_become_spans(text, expected):
    """Colours and settings are taken over, the named ones as the theme's; other commands are left out, tabs kept."""
    assert sgr.spans(text, "text") == expected


@given(st.text(st.sampled_from("ab;:[0123456789m\x1b\t\x07]\x9b漢"), max_size=60))
def test_whatever_comes_is_harmless_and_can_be_drawn(text):
    """No part of an escape sequence is left, no text is lost, and every role has a style."""
    spans = sgr.spans(text, "warning")
    shown = "".join(part for part, _ in spans)
    assert shown.isprintable() or not shown
    for _, role in spans:
        if role.startswith(sgr.PREFIX):
            ink, ground, _ = sgr.fields_of(role)
            assert ink and (not ground or ground.startswith("#") or ground.isalpha())
    if "\x1b" not in text:
        assert shown == without_escapes(text)


async def test_a_red_line_is_red_on_the_screen():
    """The theme's red, and nothing of the sequence; a search still finds the text across a change of colour."""
    cluster = lively_cluster()
    task = next(one for one in cluster.all(objects_pb2.Task) if one.service_id == "s-web")
    cluster.log_lines(log_line(task, "\x1b[31mre\x1b[1md\x1b[0m and \x1b[38;2;1;2;3mdark"))
    async with running(cluster) as run:
        await run.burst(*"3/web", "enter", "l")
        await run.shows("red and dark")
        strips = run.app.screen._compositor.render_strips()
        segments = [segment for strip in strips for segment in strip if segment.text.strip()]
        red = next(one for one in segments if one.text == "re")
        assert red.style.color == palette_of(run.app).style("error").color
        bold = next(one for one in segments if one.text == "d" and one.style and one.style.bold)
        assert bold.style.color == red.style.color
        assert any(
            one.text.startswith("dark") and one.style.color == RichColor.from_rgb(1, 2, 3) for one in segments
        )
        await run.press("slash")
        await run.type("red and")
        await run.press("enter")
        await run.shows("1 of 1")


async def test_every_role_of_a_program_has_a_style():
    """Each named colour and setting, on each ground."""
    async with running(FakeCluster()) as run:
        palette = palette_of(run.app)
        for code in (*range(30, 38), *range(90, 98)):
            for ground in ("screen", "selection"):
                ((_, role),) = sgr.spans(f"\x1b[1;2;3;4;7;9;{code};{code + 10}mx", "text")
                style = palette.style(role, ground)
                assert style.bold and style.strike and style.color is not None


def test_a_very_long_line_is_cut_and_says_so():
    """The dashboard keeps the beginning of a line, and a bounded number of characters of all."""
    line = LogLine.of_program(1, "a", "x" * (TEXT_MAX + 5), is_stderr=False)
    assert line.text.endswith("x … (5 more characters)")
    buffer = LogBuffer()
    buffer.add([LogLine.of_program(at, "a", "x" * TEXT_MAX, is_stderr=False) for at in range(300)])
    assert (len(buffer), buffer.dropped) == (256, 44)
