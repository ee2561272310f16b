"""The kinds of fields: a line, one of a few words, a list of texts, of pairs or of messages. Each feeds a setter of `swarm_core.specs`."""

from collections.abc import Callable, MutableMapping, MutableSequence, Sequence
from typing import Any, Final

from swarm_core.specs import texts as spec_texts
from swarm_core.specs.draft import Draft

from swarm_tui.operations.forms.fields import Field, Texts, line, rows

ON: Final = "on"
OFF: Final = "off"
Setter = Callable[[Draft, str], object]
Adder = Callable[[Draft, Sequence[str]], object]


def text_field(
    key: str,
    label: str,
    read: Callable[[Draft], str],
    put: Setter,
    clear: Callable[[Draft], object],
    **more: Any,
) -> Field:
    """One line; `clear` is for the empty one."""

    def write(draft: Draft, typed: Texts) -> None:
        text = line(typed)
        if text:
            put(draft, text)
        else:
            clear(draft)

    return Field(key, label, lambda draft: (read(draft),), write, **more)


def choice_field(
    key: str, label: str, options: Texts, read: Callable[[Draft], str], put: Setter, **more: Any
) -> Field:
    """One of a few words."""
    return Field(
        key,
        label,
        lambda draft: (read(draft),),
        lambda draft, typed: put(draft, line(typed)),
        options=options,
        **more,
    )


def switch_field(
    key: str, label: str, read: Callable[[Draft], bool], put: Callable[[Draft, bool], object], **more: Any
) -> Field:
    """On or off."""
    return choice_field(
        key, label, (OFF, ON), lambda draft: ON if read(draft) else OFF,
        lambda draft, word: put(draft, word == ON), **more,
    )  # fmt: skip


def list_field(
    key: str, label: str, held: Callable[[Draft], MutableSequence[str]], add: Adder, **more: Any
) -> Field:
    """Texts, a row each. A row that nobody touched stays as it is, also where it would be written otherwise now."""

    def write(draft: Draft, typed: Texts) -> None:
        before = set(held(draft))
        del held(draft)[:]
        for row in typed:
            if row in before:
                held(draft).append(row)
            elif row.strip():
                add(draft, [row])

    return Field(key, label, lambda draft: tuple(held(draft)), write, is_list=True, **more)


def pairs_field(
    key: str, label: str, held: Callable[[Draft], MutableMapping[str, str]], add: Adder, **more: Any
) -> Field:
    """KEY=VALUE, a row each."""

    def write(draft: Draft, typed: Texts) -> None:
        held(draft).clear()
        add(draft, rows(typed))

    return Field(key, label, lambda draft: tuple(spec_texts.pairs(held(draft))), write, is_list=True, **more)


def messages_field(
    key: str, label: str, held: Callable[[Draft], Any], text: Callable[[Any], str], add: Adder, **more: Any
) -> Field:
    """Messages, a row each. A row that nobody touched stays the message that it was, also what its text does not say."""

    def write(draft: Draft, typed: Texts) -> None:
        kept: dict[str, Any] = {}
        for one in held(draft):
            kept[text(one)] = type(one)()
            kept[text(one)].CopyFrom(one)
        del held(draft)[:]
        for row in rows(typed):
            if row in kept:
                held(draft).append(kept[row])
            else:
                add(draft, [row])

    return Field(
        key, label, lambda draft: tuple(text(one) for one in held(draft)), write, is_list=True, **more
    )
