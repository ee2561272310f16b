"""Refusals of the store.

    StoreError
    ├── ObjectExists        create: the id is taken
    ├── ObjectMissing       update, delete: no such object
    ├── NameConflict        create, update: another object has the name
    ├── OutOfSequence       update: the object changed since it was read; read again and retry
    ├── InvalidFind         find: the kind has no index for that term
    ├── UnknownResourceKind create, update: no extension registers the resource's kind
    ├── ExtensionInUse      delete: resources of the extension's kind exist
    ├── ExtensionImmutable  update: extensions never change
    ├── TransactionTooLarge the change list exceeds what one log entry may hold
    └── VersionUnavailable  watch_from: the version is in the future, or the log no longer reaches back to it

The texts of OutOfSequence and NameConflict cross the wire and are compared there (docs/design/store.md 1.3, 1.4).
"""


class StoreError(Exception):
    """A transaction or query was refused; nothing changed."""

    plain = True  # crosses the wire with its text (rpc.errors)
    text = "store error"

    def __init__(self, text: str | None = None) -> None:
        super().__init__(text or self.text)


class ObjectExists(StoreError):
    text = "object already exists"


class ObjectMissing(StoreError):
    text = "object does not exist"


class NameConflict(StoreError):
    text = "name conflicts with an existing object"


class OutOfSequence(StoreError):
    text = "update out of sequence"


class InvalidFind(StoreError):
    text = "invalid find argument"


class UnknownResourceKind(StoreError):
    text = "object kind is unregistered"


class ExtensionInUse(StoreError):
    text = "extension is in use by resources of its kind"


class ExtensionImmutable(StoreError):
    text = "extensions cannot be updated"


class TransactionTooLarge(StoreError):
    text = "the transaction is larger than one log entry may be (1.5 MiB)"


class VersionUnavailable(StoreError):
    text = "the requested version is not available"
