"""What ships: three packages, three commands, types and data files, nothing else."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from swarm_core.api.version import VERSION

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built by the project's own backend without the network."""
    out = tmp_path_factory.mktemp("dist")
    build = "from hatchling.build import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(out)], cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_top_level_names(wheel: zipfile.ZipFile) -> None:
    """The wheel installs swarm_core, swarm_agentd and swarm_tui, and its metadata."""
    names = {name.split("/")[0] for name in wheel.namelist()}
    own = {n for n in names if not n.endswith((".dist-info", ".data"))}
    assert own == {"swarm_core", "swarm_agentd", "swarm_tui"}


@pytest.mark.parametrize(
    "path",
    [
        "swarm_core/api/proto/types.proto",
        "swarm_core/api/proto/types_pb2.pyi",
        "swarm_tui/styles.tcss",
        "swarm_tui/cli/web/app_index.html",
        "swarm_core/py.typed",
        "swarm_agentd/py.typed",
        "swarm_tui/py.typed",
    ],
)
def test_data_files(wheel: zipfile.ZipFile, path: str) -> None:
    """Files that are not code travel with it."""
    assert path in wheel.namelist()


def test_an_environment_of_its_own(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """What pipx makes of it: the three commands run, and man pages, completions and the unit are where a shell, man and an operator look."""
    assert wheel.filename is not None
    there = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(there)], check=True)
    python, pip = (
        str(there / "bin" / "python"),
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"],
    )
    subprocess.run(
        [*pip, "--python", python, "install", "--no-deps", "--no-index", wheel.filename], check=True
    )
    dependencies = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    for command, words in (
        ("swarm-tui", ["version"]),
        ("swarm-agentd", ["--version"]),
        ("swarm-managerd", ["--help"]),
    ):
        ended = subprocess.run(
            [there / "bin" / command, *words],
            env=dependencies,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout
    shared = {
        str(path.relative_to(there / "share")) for path in (there / "share").rglob("*") if path.is_file()
    }
    assert shared == {
        str(path.relative_to(ROOT / "share")) for path in (ROOT / "share").rglob("*") if path.is_file()
    }
    assert len(shared) == 7


def test_commands(wheel: zipfile.ZipFile) -> None:
    """The three commands are declared."""
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    assert all(f"{command} = " in text for command in ("swarm-tui", "swarm-agentd", "swarm-managerd"))


def test_locks_name_no_index() -> None:
    """The locks hold hashes and no address."""
    for name in ("requirements.lock", "requirements-dev.lock", ".ci/traefik.lock", ".ci/schemathesis.lock"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text and "index" not in text


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_suit_the_oldest_python(name: str) -> None:
    """Whatever is locked can be installed with the oldest Python that the project takes, as Debian 12 has it: what a newer one resolves may not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    locked = re.findall(r"^([a-z0-9._-]+)==", (ROOT / name).read_text(), re.MULTILINE)
    assert locked
    wants = {one: metadata.metadata(one).get("Requires-Python", "") for one in locked}
    assert {one: want for one, want in wants.items() if not SpecifierSet(want).contains(oldest)} == {}


def test_what_schemathesis_brings_is_what_we_have() -> None:
    """It is put before the packages of the environment: what both have is the same."""
    ours, its = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements-dev.lock", ".ci/schemathesis.lock")
    )
    shared = ours.keys() & its.keys()
    assert {"hypothesis", "pytest", "requests"} <= shared
    assert {name: its[name] for name in shared} == {name: ours[name] for name in shared}


def test_one_place_says_the_version(wheel: zipfile.ZipFile) -> None:
    """The version that the program tells is the one that is installed."""
    metadata = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    assert f"\nVersion: {VERSION}\n" in wheel.read(metadata).decode()
