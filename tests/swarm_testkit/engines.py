"""Private Docker Engines for tests: started, filled with a test image, and ended without a trace.

Rules, each found out by its absence:
- An engine lives in a network namespace of its own: two in one fight over bridges, ports and devices. It is entered by
  nsenter, which leaves the mounts alone (ip netns exec hides the control groups). It has no route out, so registry
  look-ups fail at once.
- It has its own data root, exec root, pid file and socket, all below one directory; ending it ends its containerd and
  shims too, which outlive a killed engine, and unmounts what it left mounted.
- The test image is a static busybox imported as a file system; no registry is needed. Its output needs line ends.
"""

import contextlib
import functools
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from swarm_testkit.engine_http import ask_raw
from swarm_testkit.pace import pause_s

IMAGE = "busybox:local"
ADDRESS = "198.18.99.1"
_PROGRAMS = ("dockerd", "docker", "containerd", "runc", "ip", "nsenter", "busybox")
_NAMESPACE = "swarmtest"
_numbers = itertools.count(1)


def missing_parts() -> str:
    """What this host lacks for starting an engine; empty when it lacks nothing."""
    absent = [name for name in _PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed"
    if os.geteuid() != 0:
        return "needs root"
    if subprocess.run(["busybox", "sh", "-c", "true"], check=False).returncode:
        return "busybox does not run"
    return ""


def end_engines_of_killed_tests() -> None:
    """Tests that are killed end nothing. An engine's namespace names the process that made it: where that is gone, what runs there ends."""
    for path in Path("/run/netns").glob(f"{_NAMESPACE}-*-*"):
        if psutil.pid_exists(int(path.name.split("-")[1])):
            continue
        directories = [found for one in _processes_in(path.name) if (found := _data_root(one))]
        # Politely first: an engine ends its containers, which have namespaces of their own.
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = _processes_in(path.name)
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            psutil.wait_procs(left, timeout=30)
        for directory in directories:
            _unmount(directory)
        subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)


def _data_root(process: psutil.Process) -> Path | None:
    """The directory of the engine that the process is; None where it is none."""
    try:
        words = process.cmdline()
    except psutil.NoSuchProcess:
        return None
    return Path(words[words.index("--data-root") + 1]).parent if "--data-root" in words else None


def _unmount(directory: Path) -> None:
    """Everything below a directory."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((one for one in mounts if one.startswith(f"{directory}/")), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


def _processes_in(namespace: str) -> list[psutil.Process]:
    told = subprocess.run(["ip", "netns", "pids", namespace], check=False, capture_output=True, text=True)
    found = []
    for pid in told.stdout.split():
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(int(pid)))
    return found


class Engine:
    """One private dockerd. `directory` must be empty and is its own. With a `namespace` its network is there already, and
    stays; `address` is the one it has in it. `flags` are dockerd's."""

    def __init__(
        self, directory: Path, *, namespace: str = "", address: str = ADDRESS, flags: tuple[str, ...] = ()
    ) -> None:
        self.directory = directory
        self.flags = flags
        self.socket = directory / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.address = address
        self._has_own_network = not namespace
        self._namespace = namespace or f"{_NAMESPACE}-{os.getpid()}-{next(_numbers)}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def control_socket(self) -> Path:
        """SwarmKit's control socket, once the engine is a manager."""
        return self.directory / "exec" / "swarm" / "control.sock"

    @property
    def enter(self) -> tuple[str, ...]:
        """The command that runs another one in the engine's network."""
        return ("nsenter", f"--net=/run/netns/{self._namespace}", "--")

    @property
    def network_path(self) -> Path:
        """The engine's network namespace."""
        return Path("/run/netns") / self._namespace

    @property
    def root_certificate(self) -> Path:
        return self.directory / "data" / "swarm" / "certificates" / "swarm-root-ca.crt"

    def create(self) -> None:
        """Make the namespace if need be, start the engine in it and import the test image."""
        if self._has_own_network:
            self._make_network()
        self.start()
        self._import_image()

    def _make_network(self) -> None:
        end_engines_of_killed_tests()
        _run("ip", "netns", "add", self._namespace)
        _run("ip", "-n", self._namespace, "link", "set", "lo", "up")
        _run("ip", "-n", self._namespace, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
        _run("ip", "-n", self._namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _run("ip", "-n", self._namespace, "link", "set", "eth0", "up")

    def start(self) -> None:
        """Start the engine, also again on what an earlier start left; returns when it answers."""
        assert self._process is None
        self._forget_dead_containerd()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self.enter, "dockerd",
                    "--data-root", str(self.directory / "data"), "--exec-root", str(self.directory / "exec"),
                    "--pidfile", str(self.directory / "pid"), "-H", self.url, *self.flags,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._until(self._answers, "the engine does not answer", 60)

    def _forget_dead_containerd(self) -> None:
        """A killed engine's containerd dies with it. Where nobody waits for orphans it stays a zombie, which the next engine
        takes for one that runs."""
        pid_file = self.directory / "exec" / "containerd" / "containerd.pid"
        with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
            former = psutil.Process(int(pid_file.read_text()))
            self._until(
                lambda: former.status() == psutil.STATUS_ZOMBIE, "the killed engine's containerd lives", 60
            )
            pid_file.unlink()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the engine; with SIGKILL its containers live on."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def docker(self, *arguments: str, stdin: bytes | None = None) -> str:
        """The docker command against this engine; its output. Raises CalledProcessError."""
        done = subprocess.run(
            ["docker", "-H", self.url, *arguments], input=stdin, capture_output=True, check=False, timeout=120
        )
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, arguments, done.stdout, done.stderr)
            error.add_note(done.stderr.decode(errors="replace"))
            raise error
        return done.stdout.decode().strip()

    def init_swarm(self) -> None:
        """Make the engine the first manager of a new swarm and wait for its control socket."""
        self.docker("swarm", "init", "--advertise-addr", self.address)
        self._until(self.control_socket.exists, "no control socket", 60)

    def destroy(self) -> None:
        """End everything of this engine and leave no process, mount or namespace."""
        self.stop(signal.SIGKILL)
        self._until(self._is_empty, "processes of the engine stay", 60)
        _unmount(self.directory)
        if self._has_own_network:
            subprocess.run(["ip", "netns", "del", self._namespace], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _is_empty(self) -> bool:
        """Kill what names our exec root on its command line (containerd, shims) and what runs in its containers."""
        found = list(self._processes())
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not found

    def _processes(self) -> Iterator[int]:
        own = str(self.directory).encode() + b"/"
        shims, parents = set(), {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    status = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                    if status[0] != b"Z":
                        parents[int(entry.name)] = int(status[1])
                        if own in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                            shims.add(int(entry.name))
        yield from shims
        yield from (pid for pid, parent in parents.items() if parent in shims and pid not in shims)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"dockerd ended: {(self.directory / 'log').read_text()[-2000:]}")
        try:
            return ask_raw(self.socket, "/_ping", timeout=10) == b"OK"
        except OSError:
            return False

    def _import_image(self) -> None:
        self.docker(
            "import",
            "-c", 'CMD ["sh"]',
            "-c", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "-", IMAGE,
            stdin=root_file_system(),
        )  # fmt: skip

    def _until(self, condition: Callable[[], bool], failure: str, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while True:
            looked = time.monotonic()
            if condition():
                return
            now = time.monotonic()
            if now > deadline:
                log = self.directory / "log"
                raise TimeoutError(f"{failure}: {log.read_text()[-2000:] if log.exists() else ''}")
            time.sleep(pause_s(now - looked))


@contextlib.contextmanager
def private_engine(
    directory: Path, *, namespace: str = "", address: str = ADDRESS, flags: tuple[str, ...] = ()
) -> Iterator[Engine]:
    """An engine that is gone, whatever happens, when the block ends."""
    engine = Engine(directory, namespace=namespace, address=address, flags=flags)
    try:
        engine.create()
        yield engine
    finally:
        engine.destroy()


def own_id(directory: Path) -> tuple[str, ...]:
    """Flags that give an engine an id of its own, with files in `directory`: engines take it from a key that all on a machine share."""
    config = directory / "engine.json"
    config.write_text(json.dumps({"deprecated-key-path": str(directory / "engine-key.json")}))
    return ("--config-file", str(config))


@functools.cache
def root_file_system() -> bytes:
    """A tar file: busybox under all its names, and the few files that programs expect."""
    busybox = shutil.which("busybox")
    assert busybox is not None
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "etc", "tmp", "usr"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(directory)
        tar.add(os.path.realpath(busybox), "bin/busybox")
        for applet in applets:
            if applet != "busybox":
                _link(tar, f"bin/{applet}", "busybox")
        _link(tar, "sbin", "bin")
        _link(tar, "usr/bin", "../bin")
        _file(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")
        _file(tar, "etc/group", b"root:x:0:\n")
    return out.getvalue()


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    link = tarfile.TarInfo(name)
    link.type, link.linkname = tarfile.SYMTYPE, target
    tar.addfile(link)


def _file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
