"""What ships: three packages, three commands, types and data files, nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
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
    assert {n for n in names if not n.endswith(".dist-info")} == {"swarm_core", "swarm_agentd", "swarm_tui"}


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


def test_commands(wheel: zipfile.ZipFile) -> None:
    """The three commands are declared."""
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    assert all(f"{command} = " in text for command in ("swarm-tui", "swarm-agentd", "swarm-managerd"))


def test_locks_name_no_index() -> None:
    """The locks hold hashes and no address."""
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text and "index" not in text


def test_one_place_says_the_version(wheel: zipfile.ZipFile) -> None:
    """The version that the program tells is the one that is installed."""
    metadata = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    assert f"\nVersion: {VERSION}\n" in wheel.read(metadata).decode()
