"""Errors as an HTTP face answers them."""

import json

import pytest
from swarm_core.http import errors


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.NotModified, 304),
        (errors.BadRequest, 400),
        (errors.Unauthorized, 401),
        (errors.Forbidden, 403),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.Failed, 500),
        (errors.NotImplementedHere, 501),
        (errors.Unavailable, 503),
    ],
)
def test_each_kind_has_its_status(kind: type[errors.HttpError], status: int) -> None:
    """The kind of an error says its status, its text what the client reads (docs/design/engine-api.md E2.2)."""
    error = kind("No such thing: x")
    assert (error.status, error.message) == (status, "No such thing: x")


@pytest.mark.parametrize(
    ("code", "status", "prefix"),
    [
        ("INVALID_ARGUMENT", 400, "InvalidArgument"),
        ("FAILED_PRECONDITION", 400, "FailedPrecondition"),
        ("OUT_OF_RANGE", 400, "OutOfRange"),
        ("UNAUTHENTICATED", 401, "Unauthenticated"),
        ("PERMISSION_DENIED", 403, "PermissionDenied"),
        ("NOT_FOUND", 404, "NotFound"),
        ("ALREADY_EXISTS", 409, "AlreadyExists"),
        ("UNIMPLEMENTED", 501, "Unimplemented"),
        ("UNAVAILABLE", 503, "Unavailable"),
        ("UNKNOWN", 500, "Unknown"),
        ("DEADLINE_EXCEEDED", 500, "DeadlineExceeded"),
        ("CANCELLED", 500, "Canceled"),
        ("ABORTED", 500, "Aborted"),
    ],
)
def test_a_managers_refusal_keeps_gos_words(code: str, status: int, prefix: str) -> None:
    """Scripts look for `rpc error: code = … desc = …` and its status (docs/design/engine-api.md E2.3)."""
    refused = errors.RefusedCall(code, "update out of sequence")
    assert refused.status == status
    assert refused.message == f"rpc error: code = {prefix} desc = update out of sequence"


def test_a_body_is_one_line_of_json() -> None:
    """An error's body is an object with `message` and a line end, whatever its text holds (docs/design/engine-api.md E2.1)."""
    text = 'a "name" with\nlines, ümlauts and a lone surrogate \udc80'
    body = errors.error_body(text)
    assert body.endswith(b"\n")
    assert body.count(b"\n") == 1
    assert json.loads(body) == {"message": text.replace("\udc80", "?")}
