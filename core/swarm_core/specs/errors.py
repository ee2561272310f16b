"""What is wrong with a spec or with a text that should become part of one.

SpecError
├── InvalidValue   a text that cannot be used; the message is the rest of a sentence about its field: an entrance puts
│                  the flag's or the field's name before it
└── InvalidSpec    the spec as a whole breaks a rule; the message is for the person who wrote it
"""


class SpecError(ValueError):
    """Root of the tree."""


class InvalidValue(SpecError):
    """The text cannot be used for this field."""


class InvalidSpec(SpecError):
    """The spec breaks a rule."""
