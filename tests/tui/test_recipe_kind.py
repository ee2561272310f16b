"""The recipe for a kind, followed: the part above the line is the one module, the fixture holds the one registry line."""

from collections.abc import Iterator

import pytest
from swarm_core.api.proto import objects_pb2
from swarm_testkit.command_line import CommandLine
from swarm_testkit.dashboard import running
from swarm_testkit.factories import make_volume
from swarm_tui.resources import registry
from swarm_tui.resources.model import (
    PROBLEMS,
    Column,
    Health,
    Link,
    Listing,
    Motion,
    MotionNote,
    Problem,
    ResourceKind,
    Section,
    cell,
    description_of,
)
from swarm_tui.resources.refs import ObjectRef

Toy = objects_pb2.Volume
_MOODS = {"": Health.OK, "winding": Health.MOTION, "broken": Health.FAILED}


def name(toy, view):
    return toy.spec.annotations.name


def mood(toy):
    return toy.spec.annotations.labels.get("mood", "")


def health(toy, view, now_ns):
    return _MOODS[mood(toy)]


def row(toy, view, now_ns):
    look = health(toy, view, now_ns)
    return cell(name(toy, view)), cell(f"{look.glyph} {mood(toy) or 'plays'}", look.role)


def problems(toy, view, now_ns):
    look = health(toy, view, now_ns)
    if look not in PROBLEMS:
        return ()
    ref = ObjectRef(view.cluster, "toy", toy.id)
    return (Problem(ref, name(toy, view), look, "out of order", "A wheel came off.", "d", "describe"),)


def describe(toy, view, now_ns):
    return (Section("Toy", (("Name", cell(name(toy, view))), ("Mood", cell(mood(toy) or "plays")))),)


def changes(old, new, view):
    if new is None:
        yield "given away"
    elif old is None:
        yield "unwrapped"
    elif mood(old) != mood(new):
        yield f"now {mood(new)}"


KIND = ResourceKind(
    noun="toy",
    title="Toys",
    message=Toy,
    columns=(Column("toy", "TOY", 10, grow=1), Column("mood", "MOOD", 10)),
    row=row,
    sort_keys={"toy": lambda toy, view, now: name(toy, view)},
    default_sort="toy",
    name=name,
    health=health,
    problems=problems,
    describe=describe,
    fields={"mood": lambda toy, view, now: mood(toy) or "plays"},
    listing=(
        Listing("NAME", "Name", lambda toy, view, now: name(toy, view)),
        Listing("MOOD", "Mood", lambda toy, view, now: mood(toy) or "plays"),
    ),
    verbs=("open", "describe", "yaml", "copy", "remove"),
    drill_in=description_of("toy"),
    aliases=("toys",),
    owners={"service": lambda toy: toy.spec.annotations.labels.get("of", "").split()},
    changes=changes,
    motion=Motion(
        is_moving=lambda toy, view, now: health(toy, view, now) is Health.MOTION,
        note=lambda toy, view, now: MotionNote(Health.MOTION, (cell("being wound up"),)),
    ),
    consequences=lambda toys, view: ["Somebody will cry."],
    list_key="8",
    empty_hint="buy one",
)

# ----------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """A toy is a volume, so volumes step aside; afterwards all kinds are as they were, in their order."""
    before = registry.kinds()
    registry.unregister(registry.by_message(Toy))
    registry.register(KIND)
    yield
    for kind in registry.kinds():
        registry.unregister(kind)
    for kind in before:
        registry.register(kind)


@pytest.fixture
def toys(cluster):
    """A cluster with a toy of each mood."""
    for id_, toy_name, labels in (
        ("y-ball", "ball", {"of": "s-api s-web"}),
        ("y-bear", "bear", {"mood": "broken"}),
        ("y-car", "car", {"mood": "winding", "of": "s-api"}),
    ):
        toy = make_volume(id_, name=toy_name)
        toy.spec.annotations.labels.update(labels)
        cluster.put(toy)
    return cluster


def set_mood(cluster, id_, word):
    cluster.update(Toy, id_, lambda toy: toy.spec.annotations.labels.update(mood=word))


def table_lines(text):
    """The lines of the list on the whole screen, without its border."""
    return [line.strip("│ ").split() for line in text.splitlines() if line.startswith("│")]


async def test_it_has_a_list_with_its_key(toys):
    """Its key leads to its rows, in its order, with its columns."""
    async with running(toys) as run:
        await run.press("8")
        await run.shows("Toys")
        assert table_lines(run.text)[:4] == [
            ["TOY↑", "MOOD"],
            ["ball", "●", "plays"],
            ["bear", "✖", "broken"],
            ["car", "⟳", "winding"],
        ]


async def test_an_empty_list_says_what_to_do(cluster):
    """Without any object the list says so, and what the kind advises."""
    async with running(cluster) as run:
        await run.press("8")
        await run.shows("no toys yet · buy one")


async def test_it_is_filtered_by_its_fields_and_by_problems(toys):
    """The filter knows its fields; the cut to problems asks its health."""
    async with running(toys) as run:
        await run.press("8", "slash")
        await run.type("mood:wind*")
        await run.shows("1 of 3")
        await run.press("escape", "exclamation_mark")
        await run.shows("problems only")
        assert [line[0] for line in table_lines(run.text)[1:2]] == ["bear"]


async def test_the_dashboard_tells_its_problem_motion_and_changes(toys):
    """What is wrong, what moves and what became different stand beside the lists, and the header counts the problem."""
    async with running(toys, (200, 60)) as run:
        await run.shows("bear  out of order")
        assert "A wheel came off." in run.text
        assert "car  being wound up" in run.text
        set_mood(toys, "y-ball", "broken")
        await run.shows("ball  now broken")
        await run.shows("2 toys  ball, bear")
        toys.remove(Toy, "y-car")
        await run.shows("car  given away")
        assert "being wound up" not in run.text


async def test_opening_one_describes_it_and_escape_leads_back(toys):
    """Enter drills in as the kind says; the text follows the object."""
    async with running(toys) as run:
        await run.press("8", "down", "enter")
        await run.shows("toy bear · describe")
        assert "broken" in run.text
        set_mood(toys, "y-bear", "winding")
        await run.shows("winding")
        await run.press("escape")
        await run.shows("Toys")


async def test_a_list_is_cut_down_to_its_owner(toys):
    """A link that names an owner shows what belongs to it, and the border says to whom."""
    async with running(toys) as run:
        await run.screen.navigator.go(Link("toys", "service", "s-web"))
        await run.shows("Toys · service web")
        assert [line[0] for line in table_lines(run.text)[1:2]] == ["ball"]
        assert "1 of 3" in run.text


async def test_only_its_verbs_work_on_it(toys):
    """The verbs that it names do their work, with its own words about a removal; another kind's key does nothing."""
    async with running(toys) as run:
        await run.press("8", "c")
        assert run.app.clipboard == "y-ball"
        await run.press("s")
        assert run.app.screen is run.screen
        await run.press("ctrl+d")
        await run.shows("Somebody will cry.")
        assert "Remove toy ball" in run.text


async def test_the_palette_finds_it(toys):
    """Objects are found by name, and opened."""
    async with running(toys) as run:
        await run.press("ctrl+p")
        await run.type("toy bear")
        await run.shows("open toy")
        await run.press("down", "enter")
        await run.shows("toy bear · describe")


def test_the_command_line_lists_and_shows_it(toys, capsys):
    """The noun has ls with its columns and filters, inspect, rm and a word for watch."""
    tui = CommandLine(toys, capsys)
    assert [line.split() for line in tui("toy", "ls").lines] == [
        ["NAME", "MOOD"],
        ["ball", "plays"],
        ["bear", "broken"],
        ["car", "winding"],
    ]
    assert tui("toy", "ls", "--filter", "mood=broken", "-q").lines == ["y-bear"]
    assert "Mood:" in tui("toy", "inspect", "--pretty", "bear").out
    assert "TOY…" in tui("toy", "rm", "--help").out
    assert "toy" in tui("watch", "nonsense").err
