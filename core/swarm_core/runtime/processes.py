"""Which process is which: the one rule for all who judge a process that they wrote down earlier.

A number alone names another process later, and the wall clock may be moved. So a process is named by its number, its start in
the kernel's ticks since the machine began, and that beginning of the machine.

Rules: a zombie has ended; a signal goes through a descriptor of the process, so that no later process of the same number
ever gets it.
"""

import os
import select
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with its number."""

    pid: int
    ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """The process that has this number now. Raises ProcessLookupError when there is none."""
        ticks = _running_since(pid)
        if ticks is None:
            raise ProcessLookupError(f"there is no process {pid}")
        return cls(pid, ticks, boot_id())

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "ProcessId":
        """The reverse of `record`. Raises ValueError, KeyError or TypeError for what is none."""
        try:
            return cls(int(record["pid"]), int(record["ticks"]), str(record["boot_id"]))
        except OverflowError as error:  # of a number too large to be one
            raise ValueError(str(error)) from None

    def record(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.boot_id == boot_id() and _running_since(self.pid) == self.ticks

    def is_of_this_boot(self) -> bool:
        """Whether the machine has run without a break since it was started."""
        return self.boot_id == boot_id()

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to it; False when it has ended. Raises PermissionError."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.is_alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within this time. Blocks."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if self.is_alive():
                watched = select.poll()
                watched.register(descriptor, select.POLLIN)
                watched.poll(seconds * 1000)
            return not self.is_alive()
        finally:
            os.close(descriptor)


def boot_id() -> str:
    """Changes with each start of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True, slots=True)
class Use:
    """What a process holds and has used: resident memory, and processor time in the program and for it in the kernel."""

    memory_bytes: int
    cpu_seconds: float


def own_use() -> Use:
    """Of this process."""
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    times = os.times()
    return Use(pages * os.sysconf("SC_PAGE_SIZE"), times.user + times.system)


def starved_s(pid: int) -> float:
    """For how long the first thread of this process, where an event loop runs, has waited for a processor until now. 0 where the kernel
    does not count it, and for a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _running_since(pid: int) -> int | None:
    """Its start in ticks; None for a zombie, and when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
