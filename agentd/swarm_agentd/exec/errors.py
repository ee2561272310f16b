"""What executors and controllers raise.

    ExecError
    ├── Temporary            try the same call again later
    ├── AlreadyPrepared      prepare: done before; success for the caller
    ├── AlreadyStarted       start: done before; success for the caller
    ├── Closed               the controller was closed; a fault of the caller
    └── Fatal                never retry: the task is rejected, or failed once it was starting
        ├── UnsupportedRuntime   this executor cannot run such a task
        ├── InvalidTask          the task's spec makes no sense here
        ├── Missing              what should be there (image, process, secret) is not
        ├── NotAuthorized        the task did not ask for this secret or config
        └── ExitFailure          the work ended by itself with a code other than 0

Any other exception of a controller counts as fatal for its task, and for that task alone.
"""


class ExecError(Exception):
    """Base of all errors of this room."""


class Temporary(ExecError):
    """The call failed for a reason that passes (engine not answering, dependency not ready yet)."""


class AlreadyPrepared(ExecError):
    """Everything that prepare makes is there."""


class AlreadyStarted(ExecError):
    """The work was started at some time, by this daemon or an earlier one; it may have ended since."""


class Closed(ExecError):
    """The controller was closed."""


class Fatal(ExecError):
    """No later try can succeed."""


class UnsupportedRuntime(Fatal):
    """The executor has no means to run this kind of task."""


class InvalidTask(Fatal):
    """The task cannot be run as it is written."""


class Missing(Fatal):
    """Something that the task needs does not exist."""


class NotAuthorized(Fatal):
    """The task asked for something that its spec does not list."""


class ExitFailure(Fatal):
    """The work ended with a code other than 0; `cause` says why when that is known (unhealthy, signal)."""

    def __init__(self, code: int, cause: str = "") -> None:
        super().__init__(f"task: non-zero exit ({code})" + (f": {cause}" if cause else ""))
        self.code = code
        self.cause = cause
