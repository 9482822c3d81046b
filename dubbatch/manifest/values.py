"""The values of a row's known columns: their types and bounds.

The text of each cell is validated by one pydantic model; what it refuses becomes a
finding with words of ours, because a person mends a sheet, not a schema.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from dubbatch.api.text import exact
from dubbatch.manifest.languages import check_tag, conventional
from dubbatch.manifest.problems import Finding

ID_MAX = 200
MODEL = "lipsync-2"
#: Two months in one piece; sums of what is larger end in no number.
MINUTES_MAX = 100_000
#: Spreadsheet programs write true and false in the language of their menus.
_TRUE = frozenset("true yes 1 x wahr ja vrai oui verdadero sí si vero sì verdadeiro sim waar sant prawda tak".split())
_FALSE = frozenset(["", *"false no 0 falsch nein faux non falso não nao onwaar nee falskt fałsz nie".split()])
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LIST = re.compile(r"[\s,;/|]+")
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)")
_DECIMAL_COMMA = re.compile(r"(\d+),(\d{1,2})")
#: What spreadsheet programs write into a CSV where a person had typed an id.
_NUMBER_MADE = re.compile(r"\d+[.,]0|\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_MONTHS = "jan feb mar mär apr may mai jun jul aug sep oct okt nov dec dez janv févr mars avr juin juil août sept déc"
_DATE_MADE = re.compile(
    rf"\d{{1,2}}[-. ]+(?:{'|'.join(_MONTHS.split())})\.?(?:[-. ]\d{{2,4}})?"
    rf"|(?:{'|'.join(_MONTHS.split())})\.?[-. ]\d{{2}}",
    re.IGNORECASE,
)


def _switch(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(word)


def is_switch(text: str) -> bool:
    """Whether ``text`` is a yes or a no, as a checkbox has it."""
    return text.lower() in _TRUE or text.lower() in _FALSE


def is_name(text: str) -> bool:
    """Whether ``text`` can be the id of a job or the name of a batch."""
    return 0 < len(text) <= ID_MAX and (text.isprintable() or not _UNPRINTABLE.search(text))


def _name(text: str) -> str:
    # Decomposed accents (macOS) and composed ones are the same id.
    name = text if text.isascii() else unicodedata.normalize("NFC", text)
    if name and not is_name(name):
        raise ValueError(name)
    return name


def _reference(text: str) -> str:
    # As the last part of a request's address, a dot or two would ask for something else. What can't be
    # printed is replaced when the service says it: the request would never be found again, and bought twice.
    if text in (".", "..") or exact(text) != text:
        raise ValueError(text)
    return _name(text)


def _languages(text: str) -> tuple[str, ...]:
    """Each once, in their order."""
    tags: dict[str, str] = {}
    for tag in filter(None, _LIST.split(text)):
        tags.setdefault(tag.casefold(), tag)
    return tuple(map(conventional, tags.values()))


def is_clock(text: str) -> bool:
    """Whether ``text`` is hours, minutes and seconds."""
    return bool(_CLOCK.fullmatch(text.strip()))


def _minutes(text: str) -> str | None:
    """With a decimal comma, or as hours, minutes and seconds, as spreadsheet programs write them."""
    if not text:
        return None
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = map(int, clock.groups())
        return str(hours * 60 + minutes + seconds / 60)
    comma = _DECIMAL_COMMA.fullmatch(text)
    return f"{comma[1]}.{comma[2]}" if comma else text


def _model(text: str) -> str:
    if text not in ("", MODEL):
        raise ValueError(text)
    return text


#: What each row has of its own -> its reader, which raises ValueError.
_NAMES: Mapping[str, Callable[[str], str]] = {"id": _name, "reference_id": _reference}
_Switch = Annotated[bool, BeforeValidator(_switch)]


class _Options(BaseModel):
    """What many rows say alike, typed. An absent cell is its default."""

    model_config = ConfigDict(frozen=True)

    language: Annotated[str, AfterValidator(conventional)] = ""
    languages: Annotated[tuple[str, ...], BeforeValidator(_languages)] = ()
    disable_active_speaker_detection: _Switch = False
    model: Annotated[str, AfterValidator(_model)] = ""
    priority: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)] = 0
    skip: _Switch = False
    minutes: Annotated[
        Annotated[float, Field(gt=0, le=MINUTES_MAX, allow_inf_nan=False)] | None, BeforeValidator(_minutes)
    ] = None


class Values(NamedTuple):
    """What a row says, typed. An absent cell is its default. What each row has of its own comes first."""

    id: str = ""
    output: str = ""
    reference_id: str = ""
    language: str = ""
    languages: tuple[str, ...] = ()
    disable_active_speaker_detection: bool = False
    model: str = ""
    priority: int = 0
    skip: bool = False
    minutes: float | None = None


_OPTIONS: TypeAdapter[_Options] = TypeAdapter(_Options)
_OPTION_NAMES = tuple(_Options.model_fields)

_YES_OR_NO = "write true, yes, 1 or x; or false, no, 0 or nothing"
_NAME_REMEDY = f"write at most {ID_MAX} characters, without line breaks and control characters"
_COMPLAINTS: Mapping[str, Finding] = {
    "id": Finding("the id is too long or has control characters", _NAME_REMEDY),
    "reference_id": Finding("the reference_id is too long, or has characters that can't be sent", _NAME_REMEDY),
    "disable_active_speaker_detection": Finding("neither yes nor no", _YES_OR_NO),
    "model": Finding("the service has no such model", f"write {MODEL}, or leave the cell empty"),
    "priority": Finding(
        "the priority is not a whole number",
        "write a whole number, higher is sent first; or say that the column is your own: --map 'Priority='",
    ),
    "skip": Finding("neither yes nor no", _YES_OR_NO),
    "minutes": Finding(
        f"not a number of minutes above 0, up to {MINUTES_MAX:,}",
        "write a number such as 2.5 or 2,5, or 0:02:30, or leave it empty",
    ),
}


def read_values(texts: Mapping[str, str]) -> tuple[Values, tuple[Finding, ...]]:
    """The typed values of ``texts`` (column -> text without spaces around it), and what can't be read.

    A value that can't be read counts as absent.
    """
    options, findings = _options(*map(texts.get, _OPTION_NAMES))
    names: dict[str, str] = {}
    for field, read in _NAMES.items():
        if field in texts:
            try:
                names[field] = read(texts[field])
            except ValueError:
                findings = (*findings, replace(_COMPLAINTS[field], field=field))
    own = (names.get("id", ""), texts.get("output", ""), names.get("reference_id", ""))
    alike: Any = options[len(own) :]
    return Values(*own, *alike), findings


@lru_cache(4096)
def _options(*given: str | None) -> tuple[Values, tuple[Finding, ...]]:
    """The values of the options alone; most rows of a manifest have those of the row before."""
    texts = {name: text for name, text in zip(_OPTION_NAMES, given, strict=True) if text is not None}
    findings = list(_bad_languages(texts))
    bad = {finding.field for finding in findings}
    good: dict[str, Any] = {field: text for field, text in texts.items() if field not in bad}
    if "languages" in bad:
        # Those that are right keep their jobs.
        good["languages"] = " ".join(tag for tag in _languages(texts["languages"]) if not check_tag(tag))
    try:
        return Values(**dict(_OPTIONS.validate_python(good))), tuple(findings)
    except ValidationError as error:
        wrong = list(dict.fromkeys(str(detail["loc"][0]) for detail in error.errors(include_url=False)))
    good = {field: text for field, text in good.items() if field not in wrong}
    findings += [replace(_COMPLAINTS[field], field=field) for field in wrong]
    return Values(**dict(_OPTIONS.validate_python(good))), tuple(findings)


def _bad_languages(texts: Mapping[str, str]) -> Iterator[Finding]:
    if (text := texts.get("language")) and (finding := check_tag(text)):
        yield replace(finding, field="language")
    for tag in _languages(texts["languages"]) if "languages" in texts else ():
        if finding := check_tag(tag):
            yield replace(finding, field="languages")


def rewritten_id(text: str) -> Finding | None:
    """Whether an id of a CSV looks like what a spreadsheet program makes of ids: a number, or a date."""
    if _NUMBER_MADE.fullmatch(text):
        what = "a number"
    elif _DATE_MADE.fullmatch(text):
        what = "a date"
    else:
        return None
    message = f"the id looks like {what} that a spreadsheet program has made of it"
    remedy = "format that column as Text in the sheet, type the id again, and export it"
    return Finding(message, remedy, "warning", "id")
