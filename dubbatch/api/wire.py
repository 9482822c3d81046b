"""The service's JSON: what we say in it, and what it says, read once at the border into frozen values.

Unknown fields are ignored; an absent field, ``null`` and the empty string are the same. What does not
fit the contract is UnreadableAnswer, never a guess. Text is cleaned here and nowhere else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dubbatch.api.text import clean, exact
from dubbatch.errors import UnreadableAnswer
from dubbatch.jobs import JobState

#: Longest id that is taken for one (the service's are UUIDs).
ID_MAX = 200

#: How JSON writes either half of a surrogate pair.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")

_STATES = {state.value: state for state in (JobState.QUEUED, JobState.COMPLETED, JobState.FAILED)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the service tells it. Times are ISO 8601 UTC text, empty until known."""

    id: str
    #: The service's own word; see ``state``.
    status: str
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    reference_id: str = ""
    #: A signed link to another host: a secret for as long as it lives.
    output_url: str = ""
    error_message: str = ""

    @property
    def state(self) -> JobState:
        """The status in our words.

        An unknown one is still running, and so is ``completed`` without a link: both are asked again.
        """
        state = _STATES.get(self.status.lower(), JobState.PROCESSING)
        return JobState.PROCESSING if state is JobState.COMPLETED and not self.output_url else state

    def __repr__(self) -> str:
        return f"Request(id={self.id!r}, status={self.status!r}, reference_id={self.reference_id!r})"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the account's requests; ``limit`` is the page size that the service applied."""

    #: Those that can be read.
    requests: tuple[Request, ...]
    limit: int
    offset: int
    #: All requests that match, on whatever page.
    total: int
    #: How many entries the page held, also of other people's making that can't be read.
    held: int


@dataclass(frozen=True, slots=True)
class Account:
    """Whose key it is."""

    name: str


def _nothing_is_empty(value: object) -> object:
    return "" if value is None else value


_Text = Annotated[str, BeforeValidator(_nothing_is_empty)]
_Id = Annotated[str, Field(min_length=1, max_length=ID_MAX)]
_Count = Annotated[int, Field(ge=0, le=2**53)]


class _Json(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)


class _RequestJson(_Json):
    id: _Id
    status: Annotated[str, Field(min_length=1)]
    created_at: _Text = ""
    started_at: _Text = ""
    finished_at: _Text = ""
    reference_id: _Text = ""
    output_url: _Text = ""
    error_message: _Text = ""

    def value(self) -> Request:
        return Request(
            id=_identity(self.id),
            status=clean(self.status, 40),
            created_at=clean(self.created_at, 40),
            started_at=clean(self.started_at, 40),
            finished_at=clean(self.finished_at, 40),
            reference_id=exact(self.reference_id),
            output_url=exact(self.output_url),
            error_message=clean(self.error_message),
        )


class _PaginationJson(_Json):
    limit: _Count
    offset: _Count
    total: _Count


class _PageJson(_Json):
    # A service written in Go says null for an empty list.
    data: list[Any] | None
    pagination: _PaginationJson


class _AcceptedJson(_Json):
    request_id: _Id


class _AccountJson(_Json):
    name: _Text = ""


class _ErrorJson(_Json):
    error: _Text = ""


_Model = TypeVar("_Model", bound=_Json)


def generate_json(video_url: str, audio_url: str, reference_id: str, disable_active_speaker_detection: bool) -> bytes:
    """The body of POST ``/generate``. An option at its default is left out: it is the same work."""
    said: dict[str, object] = {
        "inputs": [{"type": "video", "url": video_url}, {"type": "audio", "url": audio_url}],
        "reference_id": reference_id,
    }
    if disable_active_speaker_detection:
        said["disable_active_speaker_detection"] = True
    return json.dumps(said).encode()


def generate_fields(reference_id: str, disable_active_speaker_detection: bool, model: str) -> dict[str, str]:
    """The form fields of POST ``/generate-with-media`` beside the files."""
    fields = {"reference_id": reference_id}
    if disable_active_speaker_detection:
        fields["disable_active_speaker_detection"] = "true"
    if model:
        fields["model"] = model
    return fields


def read_request(body: bytes) -> Request:
    """The answer of GET ``/requests/{id}``. Raises UnreadableAnswer."""
    return _read(_RequestJson, body, "a request").value()


def read_page(body: bytes) -> Page:
    """The answer of GET ``/requests``. Raises UnreadableAnswer.

    An entry that can't be read is left out, and counts for ``held`` and ``total``: it keeps a reading from proving
    absence, but one odd request in an account does not make all others unreadable.
    """
    page = _read(_PageJson, body, "a list of requests")
    entries = page.data or []
    requests = tuple(request for request in map(_entry, entries) if request is not None)
    limit, offset = page.pagination.limit, page.pagination.offset
    return Page(requests, limit, offset, max(page.pagination.total, len(entries)), len(entries))


def read_account(body: bytes) -> Account:
    """The answer of GET ``/users/me``. Raises UnreadableAnswer."""
    return Account(clean(_read(_AccountJson, body, "an account").name))


def read_accepted(body: bytes) -> str:
    """The id in the answer of a POST. Raises UnreadableAnswer, also for an id that can't be one."""
    return _identity(_read(_AcceptedJson, body, "an accepted request").request_id)


def read_error(body: bytes) -> str:
    """What the service says went wrong, cleaned; empty if the body is not the service's own error."""
    try:
        return clean(_read(_ErrorJson, body, "an error").error)
    except UnreadableAnswer:
        return ""


def epoch_s(text: str) -> float | None:
    """Seconds since the epoch of one of the service's times (UTC if it names no zone); None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _entry(told: Any) -> Request | None:
    try:
        return _RequestJson.model_validate(told).value()
    except (ValidationError, UnreadableAnswer):
        return None


def _read(model: type[_Model], body: bytes, what: str) -> _Model:
    try:
        return model.model_validate(_parsed(body))
    except (ValueError, RecursionError) as exc:
        reason = _mismatch(exc) if isinstance(exc, ValidationError) else "no JSON"
        raise UnreadableAnswer(
            f"the service's answer is not {what}: {reason}",
            hint="is there a proxy or a login page in between? dubbatch asks again",
        ) from exc


def _parsed(body: bytes) -> Any:
    """The JSON in ``body``; halves of surrogate pairs, which JSON can name and text can't hold, are replaced."""
    told = json.loads(body)
    return _whole(told) if _HALF.search(body) else told


def _whole(told: Any) -> Any:
    match told:
        case str():
            return told.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_whole(item) for item in told]
        case dict():
            return {_whole(name): _whole(item) for name, item in told.items()}
    return told


def _mismatch(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    return clean(f"{where}: {first['msg']}" if where else first["msg"], 200)


def _identity(text: str) -> str:
    """An id is used in paths and compared: one that would have to be mended is none."""
    if not text.strip() or exact(text) != text or "\N{REPLACEMENT CHARACTER}" in text:
        raise UnreadableAnswer("the service's answer has an id that can't be one", hint="dubbatch asks again")
    return text
