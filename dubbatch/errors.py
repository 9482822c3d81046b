"""What can go wrong, by what the caller can do about it.

DubbatchError
├── UsageError             the command or a setting is wrong: mend it and call again
├── ManifestError          the manifest has problems: mend the cells that it lists
├── LedgerError            the ledger can't be read, written or locked
├── DiskError              an output or a report can't be written
├── BatchBusy              another run works on this batch (or on the same work elsewhere)
├── NoKeyring              the system's keyring is not there, or can't be used
├── MediaError             a media file can't be read, or changed under our hands
├── DownloadError          an output could not be fetched this time
│   ├── LinkExpired        ask the service for a fresh link
│   ├── DownloadBroken     the transfer broke: go on from where it stopped
│   │   └── HostUnreachable the host gave no answer at all
│   ├── OutputChanged      the file changed between two parts: start anew
│   ├── OutputTooLarge     more than any output can be: a body without end
│   └── AddressRefused     the link leads where we don't go
└── ServiceError           the service did not give the answer that was asked for
    ├── ServiceUnreachable no answer at all
    ├── ServiceFault       5xx
    ├── RateLimited        429
    ├── UnreadableAnswer   an answer that is not what the contract says
    ├── RequestNotFound    404 for one request
    ├── KeyRefused         401, 403
    ├── TokensUsedUp       412
    └── WrongAddress       3xx, 404 or 405 where the API should be

Every class says whether the same call, made again, can succeed (``retryable``). Every error says what happened, what to
do, and whether it cost anything; what is so for a whole class stands there once (``remedy``, ``cost``).
This module imports nothing of ours, so that everything may import it.
"""

from __future__ import annotations

from typing import ClassVar


class DubbatchError(Exception):
    """The root: a sentence for a person and, where there is one, the remedy."""

    retryable: ClassVar[bool] = False
    #: What to do, where the one who raises it has nothing better to say.
    remedy: ClassVar[str] = ""
    #: Whether it cost anything, where that is so for the whole class.
    cost: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.remedy

    @property
    def advice(self) -> str:
        """What to do, and whether it cost anything: for the person whose command it has ended."""
        if not self.cost or self.cost in self.hint:
            return self.hint
        if not self.hint or self.hint.endswith("."):
            return f"{self.hint} {self.cost.capitalize()}.".strip()
        return f"{self.hint}; {self.cost}"


class UsageError(DubbatchError):
    """The command line, an environment variable or a setting is wrong."""

    cost = "nothing was sent"


class ManifestError(DubbatchError):
    """The manifest can't be used; the problems themselves are values of ``manifest``."""

    cost = "nothing was sent"


class LedgerError(DubbatchError):
    """The ledger can't be opened, written or locked."""


class DiskError(DubbatchError):
    """An output or a report can't be written: no room, no permission."""


class BatchBusy(DubbatchError):
    """Another process, or another machine, works on the same batch."""

    cost = "nothing was sent"


class NoKeyring(DubbatchError):
    """The system's keyring is not there, is locked, or fails."""


class MediaError(DubbatchError):
    """A media file can't be read, or is not what it was when it was planned."""

    remedy = "look at the file, and run again"


class DownloadError(DubbatchError):
    """An output could not be fetched this time; the request is untouched."""

    retryable = True
    remedy = "it is tried again"


class LinkExpired(DownloadError):
    """The signed link is no longer good (401, 403, 404, 410): a GET of the request gives a fresh one."""

    def __init__(self, message: str, *, gone: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.gone = gone


class DownloadBroken(DownloadError):
    """The transfer broke or ended short; what came is kept and continued."""


class HostUnreachable(DownloadBroken):
    """The host that holds the file isn't known, refuses connections, or is silent (``timed_out``)."""

    def __init__(self, message: str, *, timed_out: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.timed_out = timed_out


class OutputChanged(DownloadError):
    """The file behind the link changed between two parts: what came is worthless."""


class OutputTooLarge(DownloadError):
    """More came, or is promised, than any output can be: fetching on would only fill the disk."""

    retryable = False


class AddressRefused(DownloadError):
    """The link's scheme or host is one that dubbatch does not fetch from."""

    retryable = False
    remedy = "use a web address that everybody can read, without a login in it"


class ServiceError(DubbatchError):
    """The service did not give the answer that was asked for."""

    remedy = "run again; if it stays so, `dubbatch account` shows what the service says"


class ServiceUnreachable(ServiceError):
    """No answer: connection refused, broken, or silent for ``timeout`` seconds."""

    retryable = True


class ServiceFault(ServiceError):
    """The service answered 5xx."""

    retryable = True
    remedy = "dubbatch asks again"


class RateLimited(ServiceError):
    """The service answered 429; ``retry_after_s`` is its own word, if it gave one."""

    retryable = True
    remedy = "dubbatch asks again"

    def __init__(self, message: str, *, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class UnreadableAnswer(ServiceError):
    """The answer is not what the contract says (HTML, cut JSON, another request's answer)."""

    retryable = True
    remedy = "dubbatch asks again"


class RequestNotFound(ServiceError):
    """404 for one request: it does not exist, or is not visible yet."""


class KeyRefused(ServiceError):
    """401 or 403: nothing else can work with this key."""


class TokensUsedUp(ServiceError):
    """412: the account has no tokens left."""


class WrongAddress(ServiceError):
    """A redirect, or 404/405 where an endpoint should be: the base URL is wrong."""
