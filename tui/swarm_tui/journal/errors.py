"""Errors of this room.

JournalError
├── Damaged       the file is no journal, or holds what cannot be read: it is set aside, never repaired
├── NotWritable   the file or its directory cannot be made or written: nothing is recorded, the dashboard goes on
└── NothingKnown  there is no journal yet, or it is empty: nothing to rewind to
"""


class JournalError(Exception):
    """The text is a sentence for the person."""


class Damaged(JournalError):
    """See the module's text."""


class NotWritable(JournalError):
    """See the module's text."""


class NothingKnown(JournalError):
    """See the module's text."""
