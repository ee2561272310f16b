"""What painting costs: the toolkit tells nobody when it paints."""

from time import thread_time

from textual.screen import Screen


class Painting(Screen[None]):
    """A screen that knows what painting has cost."""

    painting_s = 0.0

    def _compositor_refresh(self) -> None:
        # Everything else has its turns between two of these.
        began_s = thread_time()
        super()._compositor_refresh()
        self.painting_s += thread_time() - began_s
