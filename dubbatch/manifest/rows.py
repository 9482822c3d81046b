"""The values of a row's known columns: their types and bounds.

The text of each cell is validated by one pydantic model; what it refuses becomes a
finding with words of ours, because a person mends a sheet, not a schema.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from dubbatch.api.text import exact
from dubbatch.manifest.problems import Finding

ID_MAX = 200
MODEL = "lipsync-2"
#: Two months in one piece; sums of what is larger end in no number.
MINUTES_MAX = 100_000
_TRUE = frozenset({"true", "yes", "1", "x"})
_FALSE = frozenset({"false", "no", "0", ""})
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")


def _switch(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(word)


def is_name(text: str) -> bool:
    """Whether ``text`` can be the id of a job or the name of a batch."""
    return 0 < len(text) <= ID_MAX and not _UNPRINTABLE.search(text)


def _name(text: str) -> str:
    # Decomposed accents (macOS) and composed ones are the same id.
    name = unicodedata.normalize("NFC", text)
    if name and not is_name(name):
        raise ValueError(name)
    return name


def _reference(text: str) -> str:
    # As the last part of a request's address, a dot or two would ask for something else. What can't be
    # printed is replaced when the service says it: the request would never be found again, and bought twice.
    if text in (".", "..") or exact(text) != text:
        raise ValueError(text)
    return _name(text)


def _language(text: str) -> str:
    if text and not _LANGUAGE.fullmatch(text):
        raise ValueError(text)
    return text


def _model(text: str) -> str:
    if text not in ("", MODEL):
        raise ValueError(text)
    return text


_Switch = Annotated[bool, BeforeValidator(_switch)]


class Values(BaseModel):
    """What a row says, typed. An absent cell is its default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, AfterValidator(_name)] = ""
    language: Annotated[str, AfterValidator(_language)] = ""
    output: str = ""
    reference_id: Annotated[str, AfterValidator(_reference)] = ""
    disable_active_speaker_detection: _Switch = False
    model: Annotated[str, AfterValidator(_model)] = ""
    priority: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)] = 0
    skip: _Switch = False
    minutes: Annotated[float, Field(gt=0, le=MINUTES_MAX, allow_inf_nan=False)] | None = None


_VALUES: TypeAdapter[Values] = TypeAdapter(Values)

_YES_OR_NO = "write true, yes, 1 or x; or false, no, 0 or nothing"
_NAME_REMEDY = f"write at most {ID_MAX} characters, without line breaks and control characters"
_COMPLAINTS: Mapping[str, tuple[str, str]] = {
    "id": ("the id is too long or has control characters", _NAME_REMEDY),
    "language": ("the language is not a tag", "write a language tag such as de, pt-BR or zh-Hant"),
    "reference_id": ("the reference_id is too long, or has characters that can't be sent", _NAME_REMEDY),
    "disable_active_speaker_detection": ("neither yes nor no", _YES_OR_NO),
    "model": ("the service has no such model", f"write {MODEL}, or leave the cell empty"),
    "priority": ("the priority is not a whole number", "write a whole number; higher is sent first"),
    "skip": ("neither yes nor no", _YES_OR_NO),
    "minutes": (
        f"not a number of minutes above 0, up to {MINUTES_MAX:,}",
        "write a number with a point, such as 2.5, or leave it empty",
    ),
}


def read_values(texts: Mapping[str, str]) -> tuple[Values, tuple[Finding, ...]]:
    """The typed values of ``texts`` (column -> text without spaces around it), and what can't be read.

    A value that can't be read counts as absent.
    """
    try:
        return _VALUES.validate_python(texts), ()
    except ValidationError as error:
        bad = list(dict.fromkeys(str(detail["loc"][0]) for detail in error.errors(include_url=False)))
    good: dict[str, Any] = {field: text for field, text in texts.items() if field not in bad}
    findings = tuple(Finding(*_COMPLAINTS[field], field=field) for field in bad)
    return _VALUES.validate_python(good), findings
