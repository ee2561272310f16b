"""An object as docker's templates see it (docs/design/engine-api-json.md 14.13)."""

from typing import Any


class Form(dict[str, Any]):
    """One object of docker's; `told` is what its JSON has: all but the fields `left_out`."""

    def __init__(self, fields: dict[str, Any], left_out: frozenset[str] = frozenset()) -> None:
        super().__init__(fields)
        self.left_out = left_out

    @property
    def told(self) -> dict[str, Any]:
        return {key: value for key, value in self.items() if key not in self.left_out}
