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
from dataclasses import dataclass
from pathlib import Path

os.environ["TZ"] = "UTC"
os.environ["TEXTUAL_ANIMATIONS"] = "none"
time.tzset()
ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "tests"))

from swarm_testkit.dashboard import busy_cluster, dashboard_of, until_live  # noqa: E402
from swarm_tui.widgets.theme import DARK, LIGHT  # noqa: E402


@dataclass(frozen=True)
class Picture:
    """One picture: the size of the terminal, what is pressed, in which theme."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    theme: str = DARK.name


FORM_KEYS = (
    *"n",
    *"cache",
    "tab",
    "tab",
    *"redis:7",
    "tab",
    "tab",
    "ctrl+u",
    "3",
    "tab",
    "tab",
    *"node.labels.zone==a",
)
PICTURES = (
    Picture("dashboard", (132, 32)),
    Picture("dashboard-light", (132, 32), theme=LIGHT.name),
    Picture("dashboard-wide", (200, 50)),
    Picture("dashboard-80x24", (80, 24)),
    Picture("services", (132, 32), ("3",)),
    Picture("service-tasks", (132, 32), ("3", "j", "enter")),
    Picture("describe", (132, 32), ("3", "j", "d")),
    Picture("logs", (132, 32), ("3", "l")),
    Picture("service-form", (132, 32), FORM_KEYS),
    Picture("scale", (132, 32), ("3", "s", "+", "3")),
    Picture("help", (132, 40), ("question_mark",)),
)
_TEXT = re.compile(r'(<text [^>]*?x=")([\d.]+)("[^>]*?textLength=")([\d.]+)("[^>]*>)((?:&#160;)+)([^<]*)<')


def settle_blanks(svg: str) -> str:
    """Leading blanks turned into an offset: some renderers drop them and shift the text."""

    def shift(match: re.Match[str]) -> str:
        head, x, middle, length, end, blanks, text = match.groups()
        count = blanks.count("&#160;")
        letters = count + len(re.sub(r"&#?\w+;", "x", text))
        cell = float(length) / letters
        if not text:
            return match[0]
        return f"{head}{float(x) + count * cell:.1f}{middle}{float(length) - count * cell:.1f}{end}{text}<"

    return _TEXT.sub(shift, svg)


async def take(picture: Picture) -> None:
    """Run the program, press the keys, and write the picture."""
    app = dashboard_of(busy_cluster(), theme=picture.theme)
    async with app.run_test(size=picture.size) as pilot:
        await until_live(app, pilot)
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause()
        await asyncio.sleep(0.5)
        await pilot.pause()
        svg = settle_blanks(app.export_screenshot(title="swarm-tui"))
    target = ROOT / f"{picture.name}.svg"
    target.write_text(svg)
    converter = shutil.which("rsvg-convert")
    if converter is None:
        print(f"{picture.name}: no rsvg-convert (librsvg2-bin), the PNG is left as it was", file=sys.stderr)
        return
    subprocess.run([converter, "-w", "1640", str(target), "-o", str(target.with_suffix(".png"))], check=True)


async def main(names: list[str]) -> None:
    for picture in PICTURES:
        if not names or picture.name in names:
            await take(picture)
            print(f"screenshots/{picture.name}.svg")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
