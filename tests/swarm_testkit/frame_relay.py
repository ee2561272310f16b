"""A bad cable: frames between two interfaces of this network namespace, some of them late, some lost, some twice.

    python -m swarm_testkit.frame_relay A B --delay-ms 50 --jitter-ms 100 --loss 0.1 --doubled 0.02 --seed 7
    python -m swarm_testkit.frame_relay A --plain

With `--plain` the kernel leaves nothing to the interface's hardware any more: frames are as long as the wire allows and have their checksums, as whoever
relays them needs them. Ends at SIGTERM. A relay by hand, because not every kernel has netem.
"""

import argparse
import ctypes
import fcntl
import heapq
import random
import select
import socket
import struct
import time

_SIOCETHTOOL = 0x8946
_OFF = (0x17, 0x1F, 0x24)  # ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23
_ETH_P_ALL = 3
_FRAME_BYTES = 65_536
_FRAMES_MAX = 20_000


def plain(interface: str) -> None:
    """Turn off what the kernel leaves to hardware. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in _OFF:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP8x", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


def tap(interface: str) -> socket.socket:
    """A socket that reads what comes in by an interface and writes what goes out by it."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    found.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    found.bind((interface, _ETH_P_ALL))
    found.setblocking(False)
    return found


def relay(one: socket.socket, other: socket.socket, given: argparse.Namespace) -> None:
    """For ever."""
    rng = random.Random(given.seed)
    waiting: list[tuple[float, int, socket.socket, bytes]] = []
    count = 0
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select((one, other), (), (), timeout)
        for source in ready:
            try:
                frame = source.recv(_FRAME_BYTES)
            except OSError:
                # The interface went down: that is told once, and then there is nothing to read until it is up again.
                continue
            lost = rng.random() < given.loss or len(waiting) >= _FRAMES_MAX
            times = 0 if lost else 1 + (rng.random() < given.doubled)
            for _ in range(times):
                due = time.monotonic() + (given.delay_ms + rng.random() * given.jitter_ms) / 1e3
                count += 1
                heapq.heappush(waiting, (due, count, other if source is one else one, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, frame = heapq.heappop(waiting)
            try:
                target.send(frame)
            except OSError:
                # The cable's other end is down, or its queue is full: that frame is lost.
                continue


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("interfaces", nargs="+")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--doubled", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.plain:
        for interface in given.interfaces:
            plain(interface)
        return
    one, other = given.interfaces
    relay(tap(one), tap(other), given)


if __name__ == "__main__":
    main()
