"""Failures that cross a process border, by status code, and a server that was composed wrongly.

RpcFailure(code, message)           what a handler raises; the caller gets this code and text
└── one class per code: InvalidArgument("…"), NotFound("…"), …
    retry later: Unavailable, ResourceExhausted, Aborted; never by itself: all others
ServiceMisbound                     a method that not exactly one handler offers: a mistake of whoever composes the server

An exception of another room whose class says `plain = True` reaches the caller as UNKNOWN with its text, as the
original's ordinary errors do. Everything else is a bug: logged here, INTERNAL there.
"""

import enum


class Code(enum.IntEnum):
    """The status codes of gRPC."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RpcFailure(Exception):
    """A call that fails with `code` and `message`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Coded(RpcFailure):
    CODE: Code

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message)


class Unknown(_Coded):
    CODE = Code.UNKNOWN


class InvalidArgument(_Coded):
    CODE = Code.INVALID_ARGUMENT


class DeadlineExceeded(_Coded):
    CODE = Code.DEADLINE_EXCEEDED


class NotFound(_Coded):
    CODE = Code.NOT_FOUND


class AlreadyExists(_Coded):
    CODE = Code.ALREADY_EXISTS


class PermissionDenied(_Coded):
    CODE = Code.PERMISSION_DENIED


class ResourceExhausted(_Coded):
    CODE = Code.RESOURCE_EXHAUSTED


class FailedPrecondition(_Coded):
    CODE = Code.FAILED_PRECONDITION


class Aborted(_Coded):
    CODE = Code.ABORTED


class OutOfRange(_Coded):
    CODE = Code.OUT_OF_RANGE


class Unimplemented(_Coded):
    CODE = Code.UNIMPLEMENTED


class Internal(_Coded):
    CODE = Code.INTERNAL


class Unavailable(_Coded):
    CODE = Code.UNAVAILABLE


class DataLoss(_Coded):
    CODE = Code.DATA_LOSS


class ServiceMisbound(Exception):
    """A service some of whose methods are offered by nobody, or by more than one handler; the text names them all."""


def code_of(error: Exception, plain: tuple[type[Exception], ...]) -> Code:
    """What a caller is told of a handler's failure; `plain`: exceptions that reach it as UNKNOWN."""
    if isinstance(error, RpcFailure):
        return error.code
    if isinstance(error, plain) or getattr(error, "plain", False):
        return Code.UNKNOWN
    return Code.INTERNAL
