"""Errors as an HTTP face answers them: a status and a sentence (docs/design/engine-api.md E2).

HttpError
├── NotModified          304
├── BadRequest           400   what the client sent cannot be used
├── Unauthorized         401
├── Forbidden            403
├── NotFound             404
├── Conflict             409
├── Failed               500   none of the others
├── NotImplementedHere   501
├── Unavailable          503   right now, or in this state
└── RefusedCall          by the code of a manager's refusal

Rules
1. Whoever raises one names what is wrong in a sentence; the sentence is all that a client sees.
2. A manager's refusal keeps the prefix that Go's client of gRPC puts before it: scripts look for it.
"""

import json

_STATUS_OF_CODE = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
_GO_SPELLINGS = {"CANCELLED": "Canceled", "OK": "OK"}


class HttpError(Exception):
    """Root of the tree."""

    status: int = 500

    @property
    def message(self) -> str:
        """The sentence that the client is told."""
        return str(self)


class NotModified(HttpError):
    """What is asked for is so already."""

    status = 304


class BadRequest(HttpError):
    """What the client sent cannot be used."""

    status = 400


class Unauthorized(HttpError):
    """The client did not show that it may."""

    status = 401


class Forbidden(HttpError):
    """Not for this client, or not on this node."""

    status = 403


class NotFound(HttpError):
    """There is no such object or path."""

    status = 404


class Conflict(HttpError):
    """Something of that name, or in that state, is there already."""

    status = 409


class Failed(HttpError):
    """It went wrong here."""

    status = 500


class NotImplementedHere(HttpError):
    """Known, and not done by this daemon."""

    status = 501


class Unavailable(HttpError):
    """Not now, or not in this state."""

    status = 503


class RefusedCall(HttpError):
    """A manager's refusal of a call; `code` is gRPC's name of it ("NOT_FOUND")."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"rpc error: code = {_go_name(code)} desc = {text}")
        self.code, self.text = code, text
        self.status = _STATUS_OF_CODE.get(code, 500)


def error_body(text: str) -> bytes:
    """The body of every error from API 1.24 on: one JSON object and a line end."""
    return json.dumps({"message": text}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _go_name(code: str) -> str:
    return _GO_SPELLINGS.get(code) or "".join(word.capitalize() for word in code.split("_"))
