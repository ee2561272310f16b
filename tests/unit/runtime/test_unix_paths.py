"""Unix sockets at paths that do not fit into an address."""

import socket
from pathlib import Path

import pytest
from swarm_core.runtime import unix_paths


@pytest.mark.parametrize("letters", [1, 90, 250])
def test_made_and_reached(tmp_path: Path, letters: int) -> None:
    """A socket is made in a directory of any length, and reached there, also under a long name of its own."""
    directory = tmp_path / ("d" * letters) / ("e" * letters)
    directory.mkdir(parents=True)
    made, found = directory / "s", directory / ("n" * letters)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as calling:
        with unix_paths.to_make(made) as address:
            assert len(address) <= unix_paths.BYTES_MAX
            listening.bind(address)
        listening.listen()
        made.rename(found)
        with unix_paths.to_reach(found) as address:
            assert len(address) <= unix_paths.BYTES_MAX
            calling.connect(address)
        listening.accept()[0].close()


def test_a_long_path_that_leads_nowhere(tmp_path: Path) -> None:
    """It fails as a short one does."""
    with pytest.raises(FileNotFoundError), unix_paths.to_reach(tmp_path / ("d" * 200)):
        pass
