"""The collector of garbage while much is built."""

import gc

from swarm_core.runtime.garbage import garbage_kept


def test_garbage_is_not_looked_for_meanwhile() -> None:
    """It is off inside, also in one within another, and as before afterwards, also after a failure."""
    assert gc.isenabled()
    try:
        with garbage_kept():
            assert not gc.isenabled()
            with garbage_kept():
                pass
            assert not gc.isenabled()
            raise KeyError
    except KeyError:
        pass
    assert gc.isenabled()
