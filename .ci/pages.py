"""Install, upgrade, back up, restore and take away, as the pages for operators say: every command of theirs, by the pages' own text.

    python .ci/pages.py

Needs root, for a network of its own for each machine, and a package index for the libraries. The first machine begins with the version before this
one (`.ci/versions`), with pipx; the second one is where the backup is restored, without pipx. Each begins with an empty directory and ends with
nothing of the program in it.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from swarm_testkit import versions  # noqa: E402
from swarm_testkit.daemons import wait_until  # noqa: E402
from swarm_testkit.pages import Person, person, wheel  # noqa: E402

_SERVICE = "swarm-tui service create --name clock --runtime process -- sh -c 'echo begun >>~/starts; exec sleep 1000'"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def earlier() -> Iterator[Path]:
    """A checkout of the version before this one."""
    with TemporaryDirectory() as place:
        commit = list(versions.listed().values())[-1]
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "x", "-C", place], input=archive.stdout, check=True)
        yield Path(place)


def pipx(place: Path) -> None:
    """Pipx as a machine has it: in an environment of its own, and on the path as `place`/pipx."""
    home = place.parent / "pipx-itself"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    subprocess.run(
        [str(home / "bin" / "pip"), "install", "--quiet", "pipx"], check=True, stderr=subprocess.DEVNULL
    )
    place.mkdir(parents=True)
    (place / "pipx").symlink_to(home / "bin" / "pipx")


def upgraded(who: Person) -> None:
    """The earlier version with pipx, its service, and this version in its place; the task is not begun anew."""
    pipx(who.home / ".local" / "bin")
    with earlier() as checkout:
        wheel(checkout, who.home / "dist")
    who.type("install.md", "With pipx")
    who.run(f"swarm-tui up --detach --listen-remote-api 0.0.0.0\n{_SERVICE}")
    wheel(ROOT, who.home / "dist")
    say("install.md, with pipx: the version before this one runs")
    who.type("upgrade.md", "")
    assert (who.home / "starts").read_text() == "begun\n", "the upgrade restarted a task"
    say("upgrade.md: this version runs, and no task was restarted")
    who.type("install.md", "Man pages, with pipx")
    who.type("install.md", "Completions")
    assert who.completed("swarm-tui serv") == ["service", "serve"]
    who.type("install.md", "A machine's node")
    say("install.md: man pages, completions, and the machine's node")


def restored(first: Person, second: Person) -> None:
    """A backup of the first machine's cluster, which is gone then, on the second one."""
    passphrase = first.home / "backup-passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    first.type("back-up.md", "Back up")
    for name in (passphrase.name, "swarm.backup"):
        shutil.copy(first.home / name, second.home / name)
    first.type("install.md", "Back again")
    first.type("install.md", "The program away, with pipx")
    assert not first.has("swarm-tui") and not first.has("swarm-agentd")
    say("back-up.md and install.md, back again: backed up, and nothing of the program is left")
    wheel(ROOT, second.home / "dist")
    second.type("install.md", "Without pipx")
    second.type("install.md", "Man pages, without pipx")
    second.type("back-up.md", "Restore")
    wait_until(
        lambda: second.run("swarm-tui service ls --format '{{.Name}}'").split() == ["clock"],
        what="the service",
    )
    wait_until((second.home / "starts").exists, what="its task")
    say("back-up.md, restore: the service runs on another machine")
    second.type("install.md", "Back again")
    second.type("install.md", "The program away, without pipx")
    assert not second.has("swarm-tui")
    say("install.md, back again: nothing of the program is left there either")


def main() -> int:
    if os.geteuid():
        sys.stderr.write("pages: needs root, for a network of its own for each machine\n")
        return 1
    begun = time.perf_counter()
    with person() as first, person() as second:
        upgraded(first)
        restored(first, second)
    say(f"every command did what its page says, in {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
