"""Something that is to be done once, after some time.

The toolkit's own timers for that leave it out, without a word, where the time has passed before they began to wait: on a machine that is busy enough
a screen that is painted by them stands still for ever.
"""

from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable

from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.widget import Widget


def once(owner: MessagePump, seconds: float, work: Callable[[], object]) -> TimerHandle:
    """Call `work` in a handler of the owner's own. What was cancelled after its time may be called all the same; what has no owner any more is not."""
    return get_running_loop().call_later(seconds, owner.call_later, work)


def while_whole(screen: DOMNode, part: type[Widget], work: Callable[[], object]) -> None:
    """Call `work` if the screen still has this part: time goes on while a screen is taken down, and its parts are gone before it."""
    if screen.query(part):
        work()
