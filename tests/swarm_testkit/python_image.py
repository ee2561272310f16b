"""A base image with Python, of this machine's own parts: its interpreter with the standard library, pip and the libraries of the lock as they are
installed here, the shared libraries that these need, and busybox for a shell. No registry is needed."""

import importlib.metadata
import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from pathlib import Path

from swarm_testkit.engines import Engine, root_file_system

ROOT = Path(__file__).parents[2]
IMAGE = "python:local"
_LEFT_OUT = re.compile(
    r"/(test|idlelib|tkinter|lib2to3|turtledemo|config-[^/]+|site-packages|[^/]*\.a|_test\w+\.so|EXTERNALLY-MANAGED)(/|$)"
)
_LIBRARY = re.compile(r"=> (/\S+)|^\s+(/\S*ld-\S+)", re.MULTILINE)


def make(engine: Engine) -> None:
    """Give an engine the image."""
    engine.docker("import", "-c", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "-", IMAGE, stdin=_file_system())


def _file_system() -> bytes:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    standard = Path(sysconfig.get_path("stdlib"))
    interpreter = Path(sys.base_prefix) / "bin" / version
    # A distribution's Python has its places built in.
    prefix = "usr" if sys.base_prefix == "/usr" else "usr/local"
    out = io.BytesIO(root_file_system())
    with tarfile.open(fileobj=out, mode="a") as tar:
        tar.add(interpreter.resolve(), f"{prefix}/bin/{version}")
        for link, target in ((f"{prefix}/bin/{name}", version) for name in ("python3", "python")):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        tar.add(standard, f"{prefix}/lib/{version}", filter=_without_what_is_not_run)
        here = f"{prefix}/{_libraries_below(interpreter)}"
        native = [interpreter, *standard.glob("lib-dynload/*.so")]
        for path, name in _installed():
            tar.add(path, f"{here}/{name}")
            native += [path] if ".so" in path.suffixes else []
        for library in _needed_by(native):
            tar.add(library.resolve(), str(library).lstrip("/"))
    return out.getvalue()


def _libraries_below(interpreter: Path) -> Path:
    """Where this interpreter looks for what was installed beside it, below its prefix."""
    asking = (str(interpreter), "-c", "import site; print(site.getsitepackages()[0])")
    told = subprocess.run(asking, capture_output=True, text=True, check=True).stdout.strip()
    return Path(told).relative_to(sys.base_prefix)


def _without_what_is_not_run(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if _LEFT_OUT.search(f"/{entry.name}") else entry


def _installed() -> Iterable[tuple[Path, str]]:
    """Each file of a library of the lock, and of pip, with its place below site-packages."""
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    for name in ("pip", *locked):
        for file in importlib.metadata.files(name) or ():
            path = Path(str(file.locate()))
            if ".." not in file.parts and path.is_file():
                yield path, str(file)


def _needed_by(programs: list[Path]) -> set[Path]:
    """The shared libraries of the machine that these load, those of their own directories left out."""
    told = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    found = {Path(one or other) for one, other in _LIBRARY.findall(told)}
    own = Path(sysconfig.get_path("purelib"))
    return {path for path in found if not path.is_relative_to(own)}
