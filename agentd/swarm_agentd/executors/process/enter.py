"""The way into a task: a program of its own that becomes a command beside the task's process.

    python -I -S -E enter.py ORDER_FD COMPLAINT_FD

It reads from ORDER_FD what to become, as JSON: program, argv, env, dir, user, cgroup_procs, and whether its standard input is a terminal.
COMPLAINT_FD stays empty and closes when the command runs; otherwise it gets one line why not. Rules:

1. The standard library only: it is started for every command.
2. The control groups are entered first, while the rights of the daemon are there; then the user is taken on.
3. The command leads a session of its own. A terminal is its controlling one, so that ctrl-c reaches what it runs.
"""

# Without pathlib and the project's clock, which this program does without (rule 1).
# ruff: noqa: PTH123, S606

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import termios


def main() -> None:
    """Become the command; returns never."""
    order_fd, complaint_fd = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(complaint_fd, False)
    try:
        with open(order_fd) as file:
            order = json.load(file)
        for procs in order["cgroup_procs"]:
            with open(procs, "w") as group:
                group.write(str(os.getpid()))
        os.setsid()
        if order["terminal"]:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if (user := order["user"]) is not None:
            os.setgroups(user["groups"])
            os.setgid(user["gid"])
            os.setuid(user["uid"])
        os.chdir(order["dir"])
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        os.execve(order["program"], order["argv"], order["env"])
    except OSError as error:
        os.write(complaint_fd, f"{error.strerror} ({error.filename or order['program']})".encode())
        sys.exit(126)


if __name__ == "__main__":
    main()
