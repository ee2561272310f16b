"""What a run of tests ignores, the programs that it starts would ignore too: hangups under `nohup`, interrupts in the background.

A signal that is handled, even by nothing, begins anew in a program that is started. So what is ignored here is handled by nothing instead.
The workers of a run are told by their environment: they are programs that were started.
"""

import os
import signal

_VARIABLE = "SWARM_TESTKIT_IGNORED_SIGNALS"
_TOLD = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)


def let_programs_hear() -> None:
    """To be called once, in the main thread, before any program is started."""
    told = os.environ.get(_VARIABLE, "").split()
    ignored = {*map(int, told), *(one for one in _TOLD if signal.getsignal(one) is signal.SIG_IGN)}
    os.environ[_VARIABLE] = " ".join(str(int(one)) for one in sorted(ignored))
    for number in ignored:
        signal.signal(number, _nothing)


def _nothing(*_: object) -> None:
    """As if it were ignored."""
