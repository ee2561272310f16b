"""The limits of the forwarder (docs/design/ports.md P.6). They depend on each other, which is checked when they are loaded."""

import resource

# Below the numbers that an allocator gives to services (30000 and up) and that the kernel gives to outgoing connections (32768
# and up): nobody else picks one of these by chance.
LOCAL_FIRST, LOCAL_LAST = 20000, 29999

CONNECTIONS_MAX = 4096
"""Connections of one published port on one node."""
FILES_PER_CONNECTION = 2
FILES_KEPT = 256
"""File descriptors of this process that the forwarder leaves to everybody else."""
BUFFER_BYTES = 64 * 1024
"""What is kept of one direction of a connection before its sender is no longer read."""
BACKLOG = 1024

CONNECT_S = 2.0
"""How long one task is tried before another one is."""
CONNECT_TRIES = 8
REACH_S, REACH_WAIT_S = 3.0, 0.2
"""How long a connection may wait until a task takes it, and how often it is tried meanwhile."""
AVOID_S, AVOID_MAX_S = 1.0, 30.0
"""For how long a task that did not answer is the last choice: twice as long each time, until it answers."""

SESSIONS_MAX = 1024
"""UDP sessions of one published port on one node."""
SESSION_IDLE_S = 60.0
SESSION_WAITING_MAX = 16
"""Datagrams of a session that are kept while its task is being reached."""
DATAGRAM_BYTES_MAX = 65_507

GREETING_S = 5.0
GREETINGS_MAX = 256
"""Connections at the gate that have not yet said what they want."""
LISTEN_RETRY_S = 2.0
TELL_S = 60.0

assert LOCAL_FIRST < LOCAL_LAST < 30000
assert SESSIONS_MAX <= CONNECTIONS_MAX
assert CONNECT_S < GREETING_S


def connections_of_process() -> int:
    """How many connections this process may forward at once, over all ports: what its file descriptors allow."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    return max((soft - FILES_KEPT) // FILES_PER_CONNECTION, 16)
