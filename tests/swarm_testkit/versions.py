"""Earlier versions of this program, each in an environment of its own: `.ci/versions` names them by their commits.

A version's files are those of its commit, out of the repository's own history. Its libraries are those of its own lock; where this environment has
every one of them in the same version they are shared, else they are installed. An environment is made once and kept below `.versions`.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from swarm_testkit.host import lacking

ROOT = Path(__file__).parents[2]
LISTED = ROOT / ".ci" / "versions"
KEPT = ROOT / ".versions"
_FOLDERS = ("core", "agentd", "tui")
_LOCK = "requirements.lock"


def listed() -> dict[str, str]:
    """Version to commit, the newest last."""
    lines = (line.split() for line in LISTED.read_text().splitlines() if line and not line.startswith("#"))
    return {words[0]: words[1] for words in lines}


def program(commit: str) -> tuple[str, ...]:
    """`swarm-tui` of that commit, as the words before its arguments. Ends the test where the history does not reach so far."""
    home = KEPT / commit
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{commit}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            shutil.rmtree(home, ignore_errors=True)
            _make(home, commit)
            (home / "made").touch()
    return (str(home / "bin" / "python"), "-m", "swarm_tui.cli.main")


def _make(home: Path, commit: str) -> None:
    # Its own code may not be there; asked for as an archive, so that no work tree is registered.
    archive = subprocess.run(
        ("git", "archive", commit, *_FOLDERS, _LOCK), cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        lacking(f"the history of this checkout has no commit {commit[:12]}: it is not a full clone")
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(home)), check=True)
    files = home / "files"
    files.mkdir()
    subprocess.run(("tar", "x", "-C", str(files)), input=archive.stdout, check=True)
    libraries = Path(sysconfig.get_path("purelib"))
    if not _pins(files / _LOCK) <= _pins(ROOT / _LOCK):
        libraries = home / "libraries"
        pip = (
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--quiet",
            "install",
            "--require-hashes",
        )
        subprocess.run((*pip, "--target", str(libraries), "-r", str(files / _LOCK)), check=True)
    # Plain paths: the editable install beside the shared libraries is not followed.
    site = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "version.pth").write_text(
        "".join(f"{path}\n" for path in (*(files / one for one in _FOLDERS), libraries))
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = (str(home / "bin" / "python"), "-c", "import swarm_core, sys; print(swarm_core.__path__[0])")
    found = subprocess.run(asked, capture_output=True, text=True, check=True, env=environment).stdout.strip()
    assert Path(found).is_relative_to(files), f"{found} is not of the version {commit}"
    subprocess.run((asked[0], "-m", "compileall", "-q", *(str(files / one) for one in _FOLDERS)), check=True)


def _pins(lock: Path) -> set[str]:
    return set(re.findall(r"^([\w.-]+==[^\s\\]+)", lock.read_text(), re.MULTILINE))
