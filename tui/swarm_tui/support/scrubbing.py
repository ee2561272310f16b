"""Secrets out of text: by their shapes, by the names before them, and by their values where those are known. Pure.

Rules (docs/design/support.md 18.2)
1. What has the shape of a key, a token or a credential goes, and so does what stands behind a word such as `password=`.
2. A value that was hidden somewhere in the cluster's objects goes wherever else it stands, in a log for instance. Values shorter than KNOWN_MIN
   are not looked for: they would tear words apart.
"""

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "(hidden)"
KNOWN_MIN: Final = 8
_WORDS: Final = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|auth|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"secret[_-]?key|unlock[_-]?key|signature|session(?:id)?"
)
# Each looks through a run of characters once, whatever its length: a line of a log may be a word of a megabyte.
_SHAPES: Final = (
    (re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-registry-auth)([\"']?\s*[:=]\s*)[^\r\n]+"), rf"\1\2{MASK}"),
    (re.compile(r"\bSWM(?:TKN|KEY)-[0-9]+-[A-Za-z0-9+/=_-]+"), MASK),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"(://)[^\s/@]+@"), rf"\1{MASK}@"),
    (
        re.compile(rf"(?i)(?<![\w.-])((?=[\w.-]*?(?:{_WORDS}))[\w.-]++[\"']?\s*+(?:[:=]|=>)\s*+)(\"[^\"\n]*+\"|'[^'\n]*+'|[^\s,;&\"']+)"),
        rf"\1{MASK}",
    ),
    (re.compile(rf"(?i)(?<![\w-])((?=\w*+-[\w-]*?(?:{_WORDS}))[\w-]++\s++)[^\s-][^\s]*"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?<![A-Za-z0-9_-])((?>[A-Za-z0-9_-]*?\b(?=eyJ)))[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]*"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b(?:A[KS]IA[0-9A-Z]{16}|gh[oprsu]_[A-Za-z0-9]{16,}"
                r"|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|sk-[\w-]{16,})"), MASK),
    # Anything as long as a key and as mixed, unless it says that it is a digest.
    (re.compile(r"(?<!sha256:)(?<![\w+/=-])(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[A-Za-z])[A-Za-z0-9+/=_-]{32,}"), MASK),
)  # fmt: skip


class Scrubber:
    """Knows `values` that must not be seen."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._by_head: dict[str, list[str]] = {}
        for value in sorted({one for one in values if len(one) >= KNOWN_MIN}, key=len, reverse=True):
            self._by_head.setdefault(value[:KNOWN_MIN], []).append(value)

    def text(self, text: str) -> str:
        """The text without secrets."""
        text = self._without_known(text)
        for shape, mask in _SHAPES:
            text = shape.sub(mask, text)
        return text

    def _without_known(self, text: str) -> str:
        """One pass over the text, however many values there are."""
        if not self._by_head:
            return text
        out, kept, at = [], 0, 0
        while at <= len(text) - KNOWN_MIN:
            found = next(
                (one for one in self._by_head.get(text[at : at + KNOWN_MIN], ()) if text.startswith(one, at)),
                "",
            )
            if found:
                out += [text[kept:at], MASK]
                at = kept = at + len(found)
            else:
                at += 1
        return "".join((*out, text[kept:]))
