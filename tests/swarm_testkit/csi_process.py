"""Storage plugins as processes, for tests with real daemons."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from swarm_testkit.csi_plugin import CsiPlugin
from swarm_testkit.daemons import private_directory, wait_until

TESTS = Path(__file__).parents[1]


class Plugin:
    """The storage plugin of one machine, as a process; several share the storage below `root`."""

    def __init__(self, root: Path, node_id: str = "machine", zone: str = "") -> None:
        self.storage = CsiPlugin(root, node_id)
        self.socket = root.parent / f"{node_id}.sock"
        self.words = (str(self.socket), str(root), node_id, *([zone] if zone else []))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def flags(self) -> tuple[str, str]:
        return "--csi-plugin", f"csi={self.socket}"

    def start(self) -> None:
        paths = os.pathsep.join([str(TESTS), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "swarm_testkit.csi_plugin", *self.words],
            env={**os.environ, "PYTHONPATH": paths},
        )
        wait_until(self.socket.exists, what="the plugin's socket")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def plugins(*names: str) -> Iterator[list[Plugin]]:
    with private_directory() as directory:
        made = [Plugin(directory / "storage", name) for name in names]
        try:
            for plugin in made:
                plugin.start()
            yield made
        finally:
            for plugin in made:
                if plugin.process is not None:
                    plugin.kill()
