"""A widget with the keys of its context.

The toolkit reads a widget's keys from its class. Which keys there are depends on the table of verbs that the program is
given, and views know no verbs; so a class with the keys is made of the view's own when the view is made.
"""

from collections.abc import Sequence
from typing import TypeVar

from textual.binding import Binding
from textual.widget import Widget

W = TypeVar("W", bound=Widget)


def keyed(widget: type[W], bindings: Sequence[Binding]) -> type[W]:
    """`widget` with `bindings` beside its own; its name, and so its style, is the same."""
    return type(widget.__name__, (widget,), {"BINDINGS": list(bindings), "__module__": widget.__module__})
