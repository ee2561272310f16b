"""Pictures of the running dashboard on a scripted cluster: SVG from the program, PNG from rsvg-convert.

    python screenshots/make.py [name …]

Clock, content and size are fixed, so a picture changes only when the program's looks do.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ["TZ"] = "UTC"
os.environ["TEXTUAL_ANIMATIONS"] = "none"
time.tzset()
ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "tests"))

from swarm_core.api.proto import objects_pb2  # noqa: E402
from swarm_testkit.cluster_fake import FakeCluster  # noqa: E402
from swarm_testkit.dashboard import busy_cluster, dashboard_of, live_through, until_live, until_shown  # noqa: E402
from swarm_testkit.engine_records import StillRoom, few_engines, make_event  # noqa: E402
from swarm_testkit.factories import make_config, make_network, make_secret, make_volume  # noqa: E402
from swarm_tui.widgets.theme import DARK, LIGHT  # noqa: E402
from textual import events  # noqa: E402


@dataclass(frozen=True)
class Picture:
    """One picture: the size of the terminal, what is pressed, in which theme."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    theme: str = DARK.name
    shows: str = "prod-eu"
    """What must be on screen before the picture is taken."""
    prepare: Callable[[FakeCluster], object] = lambda cluster: None
    """What is different in the cluster."""
    has_engines: bool = False
    """Whether Docker Engines stand behind its door."""
    pasted: str = ""
    """A text that is pasted after the keys, and the keys after that."""
    after: tuple[str, ...] = ()


def _wants_nvme(cluster: FakeCluster) -> None:
    def change(item: objects_pb2.Service | objects_pb2.Task) -> None:
        task = item.spec.task if isinstance(item, objects_pb2.Service) else item.spec
        task.placement.constraints.append("node.labels.disk==nvme")

    service = next(one for one in cluster.all(objects_pb2.Service) if one.spec.annotations.name == "billing")
    cluster.update(objects_pb2.Service, service.id, change)
    for task in cluster.all(objects_pb2.Task):
        if task.service_id == service.id and not task.node_id:
            cluster.update(objects_pb2.Task, task.id, change)


def _furnish(cluster: FakeCluster) -> None:
    """Networks, volumes, and secrets and configs that a service uses."""
    spare = make_volume("v2", name="spare", availability="DRAIN", is_created=False)
    cluster.put(
        *(make_network(name, name=name) for name in ("backend", "frontend", "ingress")),
        make_secret("s1", name="db-password"), make_secret("s2", name="tls-key"),
        make_config("c1", name="nginx.conf"), make_config("c2", name="prometheus.yml"),
        make_volume("v1", name="orders", group="fast", published={"n04-w1": "PUBLISHED"}), spare,
    )  # fmt: skip

    def change(service: objects_pb2.Service) -> None:
        container = service.spec.task.container
        container.secrets.add(secret_id="s1", secret_name="db-password")
        container.configs.add(config_id="c1", config_name="nginx.conf")
        service.spec.task.networks.add(target="backend")

    for name in ("api", "db"):
        cluster.update(objects_pb2.Service, f"s-{name}", change)


FORM_KEYS = (
    *"n",
    *"sessions",
    "tab",
    "tab",
    *"redis:7",
    *("tab",) * 3,
    "3",
    *("tab",) * 8,
    "enter",
    *"node.labels.zone==a",
)
COMPOSE = """services:
  front:
    image: nginx:1
    ports: ["8080:80"]
    deploy: {replicas: 2}
  posts:
    image: postgres:17
    deploy: {placement: {constraints: [node.labels.zone==a]}}
"""
SHORT = (132, 20)
"""For lists."""
PICTURES = (
    Picture("dashboard", (132, 32)),
    Picture("dashboard-light", (132, 32), theme=LIGHT.name),
    Picture("dashboard-wide", (200, 50)),
    Picture("dashboard-80x24", (80, 24)),
    Picture("services", (132, 32), ("3",)),
    Picture("service-tasks", (132, 32), ("3", "j", "enter")),
    Picture("describe", (132, 32), ("3", "j", "d"), shows="Placement"),
    Picture("logs", (132, 32), ("3", "l"), shows="42 lines"),
    Picture("service-form", (132, 32), FORM_KEYS),
    Picture("scale", (132, 32), ("3", "s", "+", "3")),
    Picture(
        "why", (132, 32), ("3", "slash", *"billing", "enter", "w"), shows="Nearest fixes", prepare=_wants_nvme
    ),
    Picture("help", (132, 40), ("question_mark",)),
    Picture("nodes", SHORT, ("2",), shows=" Nodes "),
    Picture("tasks", SHORT, ("4",), shows=" Tasks "),
    Picture("stacks", SHORT, ("5",), shows=" Stacks "),
    Picture("networks", SHORT, ("6",), shows=" Networks ", prepare=_furnish),
    Picture("secrets", SHORT, ("7",), shows=" Secrets ", prepare=_furnish),
    Picture("configs", SHORT, ("7", "7"), shows=" Configs ", prepare=_furnish),
    Picture("volumes", SHORT, ("8",), shows=" Volumes ", prepare=_furnish),
    Picture("events", SHORT, ("9",), shows=" Events "),
    Picture("cluster", SHORT, ("colon", *"cluster", "enter"), shows=" Cluster"),
    Picture("tree", (132, 32), ("5", "v", "shift+right"), shows="Tree "),
    Picture("network-form", (132, 32), ("6", "n", *"backend"), shows="New network", prepare=_furnish),
    Picture("secret-form", (132, 32), ("7", "n", *"db-password"), shows="New secret", prepare=_furnish),
    Picture("config-form", (132, 32), ("7", "7", "n", *"nginx"), shows="New config", prepare=_furnish),
    Picture(
        "stack-form",
        (132, 32),
        ("5", "n"),
        shows="+ service front",
        pasted=COMPOSE,
        after=("ctrl+g", *"blog"),
    ),
    Picture("secret-rotation", (132, 32), ("7", "Z"), shows="Rotate", prepare=_furnish),
    Picture("engines", SHORT, ("V",), shows=" Engines ", has_engines=True),
    Picture("containers", SHORT, ("V",) * 2, shows=" Containers ", has_engines=True),
    Picture("images", SHORT, ("V",) * 3, shows=" Images ", has_engines=True),
    Picture("engine-volumes", SHORT, ("V",) * 4, shows=" Volumes ", has_engines=True),
    Picture("engine-networks", SHORT, ("V",) * 5, shows=" Networks ", has_engines=True),
    Picture("engine-events", SHORT, ("V",) * 6, shows=" Events ", has_engines=True),
    Picture("container-form", (132, 32), ("V", "V", "n", *"cache"), shows="container", has_engines=True),
)
_TEXT = re.compile(r'(<text [^>]*?x=")([\d.]+)("[^>]*?textLength=")([\d.]+)("[^>]*>)((?:&#160;)+)([^<]+)<')
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_FONT = "DejaVu Sans Mono"
_SPACING = "letter-spacing: 0.16px;"


def for_renderer(svg: str) -> str:
    """The picture for a renderer without textLength and web fonts: leading blanks become an offset, and letters
    of the font that is there are spaced as wide as the program's cells."""

    def shift(match: re.Match[str]) -> str:
        head, x, middle, length, end, blanks, text = match.groups()
        count = blanks.count("&#160;")
        letters = count + len(re.sub(r"&#?\w+;", "x", text))
        cell = float(length) / letters
        return f"{head}{float(x) + count * cell:.1f}{middle}{float(length) - count * cell:.1f}{end}{text}<"

    return _TEXT.sub(shift, svg).replace("font-family: Fira Code,", f"{_SPACING} font-family: {_FONT},")


async def take(picture: Picture) -> str:
    """Run the program, press the keys, and give what is on screen."""
    cluster = busy_cluster()
    engines = StillRoom(few_engines(), [make_event("die", exitCode="1")]) if picture.has_engines else None
    app = dashboard_of(cluster, theme=picture.theme, engines=engines)
    async with app.run_test(size=picture.size) as pilot:
        await until_live(app, pilot)
        await live_through(app, pilot, cluster)
        picture.prepare(cluster)
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause()
        if picture.pasted:
            app.post_message(events.Paste(picture.pasted))
            await pilot.pause()
        for key in picture.after:
            await pilot.press(key)
            await pilot.pause()
        await until_shown(app, pilot, picture.shows)
        return _FONT_FACE.sub("", app.export_screenshot(title="swarm-tui"))


def convert(svg: str, target: Path, converter: str) -> None:
    """Write the PNG."""
    command = [converter, "-w", "1640", "-o", str(target)]
    subprocess.run(command, input=for_renderer(svg).encode(), check=True)


def main(names: list[str]) -> int:
    converter = shutil.which("rsvg-convert")
    for picture in PICTURES:
        if names and picture.name not in names:
            continue
        svg = asyncio.run(take(picture))
        target = ROOT / f"{picture.name}.svg"
        target.write_text(svg)
        if converter is not None:
            convert(svg, target.with_suffix(".png"), converter)
        print(target.relative_to(ROOT.parent))
    if converter is None:
        print("no rsvg-convert (Debian's librsvg2-bin): the PNGs are left as they were", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
