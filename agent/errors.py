"""Every error this project raises on purpose.

CloneError
├── SettingsError        a setting is missing or wrong; the text says which and how to mend it
├── StorageError         the database cannot be used as it is configured
├── DocumentError        one document cannot be read; the others are not affected
└── VendorError          an outside service did not do its part
    ├── TemporaryError   worth repeating: overload, timeout, connection
    │   └── InDoubtError the request may have been carried out: look before repeating
    └── PermanentError   never worth repeating: a request the vendor refuses
        ├── AccountError       the key or the quota is refused: every other call would fail too
        ├── TooLongError       a message must be cut smaller
        ├── UnreachableError   this contact cannot be reached on this channel
        └── WindowClosedError  free words may not be sent to this contact now
"""


class CloneError(Exception):
    """Root of the tree; its text is one sentence that a user can act on."""


class SettingsError(CloneError):
    """A setting is missing or wrong; the text lists every mistake with its remedy."""


class StorageError(CloneError):
    """The database cannot be opened or used as configured."""


class DocumentError(CloneError):
    """One document cannot be read; the text is the reason, without the path."""


class VendorError(CloneError):
    """An outside service did not do its part. `code` is the vendor's own error code."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TemporaryError(VendorError):
    """Worth repeating; `retry_after` is the wait in seconds the vendor asked for, if it did."""

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class InDoubtError(TemporaryError):
    """The answer was lost: what was asked may have been done, so look before repeating."""


class PermanentError(VendorError):
    """Never worth repeating as it is: credentials, quota, a request the vendor refuses."""


class AccountError(PermanentError):
    """The vendor refuses the account, by its key or its quota: every other call would fail too."""


class TooLongError(PermanentError):
    """The message is longer than the channel takes: cut it smaller."""


class UnreachableError(PermanentError):
    """The contact cannot be reached on this channel: invalid, inactive, or blocking us."""


class WindowClosedError(PermanentError):
    """The contact wrote too long ago for free words; they may be sent when they write again."""
