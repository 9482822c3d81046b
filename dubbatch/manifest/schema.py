"""The JSON Schema of manifests: what editors complete, explain and check while somebody types.

Made of the declarations that loading goes by: the known columns, and the settings that may
stand in a manifest. It refuses what can be seen without the media.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dubbatch.forms import parse_bool
from dubbatch.manifest.columns import KNOWN
from dubbatch.manifest.tree.syntax import VERSION
from dubbatch.manifest.values import MINUTES_MAX, MODEL
from dubbatch.option import Option, Scope
from dubbatch.settings import CSV_DELIMITERS, OPTIONS, Settings, shown_value

Schema = dict[str, Any]

#: Column -> what it is for.
COLUMNS: Mapping[str, str] = {
    "video": "The video: a web address, or a file (MP4), relative to the manifest.",
    "audio": "The dub: a web address, or a file (WAV or MP3). Or a map, language: dub. Or, with languages, a pattern "
    "such as dubs/{stem}.{language}.wav.",
    "id": "Name of the job, unique. Default: the video's name, with -<language>.",
    "language": "Language tag of the dub, such as de, pt-BR or zh-Hant. Default: that of the audio's column.",
    "languages": "The languages that the pattern in audio stands for: a list, or a text with commas. One job each.",
    "output": "Name of the output, instead of the template of the settings.",
    "reference_id": "A reference of your own for the service, unique among the jobs. Default: made by dubbatch.",
    "disable_active_speaker_detection": "Yes: the service's max-face mode, faster for one speaker. Default: no.",
    "model": "For uploads only: the service's model.",
    "priority": "Whole number; higher is sent first. Default: 0.",
    "skip": "Yes: this row is not dubbed. Default: no.",
    "minutes": "Media minutes, for the plan, where dubbatch can't measure them.",
}
_DUB = "The dub in that language: a job of its own. Empty: no dub."
_OWN = "A column of your own: kept, usable in the template of outputs, and shown in the reports."
_YES = ("true", "yes", "1", "x")
_NO = ("false", "no", "0")
#: ``audio_de``, ``audio:pt-BR``.
_DUB_PATTERN = "^[Aa][Uu][Dd][Ii][Oo]\\s*[_: -]\\s*[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*$"
#: Of a language among the keys of an audio map: what can be a tag, in any spelling that is understood.
_TAG_PATTERN = "^\\s*(?:[A-Za-z]{2,3}|[IiXx](?=[_\\s-]))(?:[_\\s-]+[A-Za-z0-9]{1,8})*\\s*$"
#: Of media; a cap of none would hold back everything.
_MINUTES: Schema = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": "^\\s*[0-9]+(?:[.,][0-9]+)?\\s*$"},
    ]
}
_VALUE: Schema = {"$ref": "#/definitions/value"}
_NOTHING: Schema = {"anyOf": [{"type": "null"}, {"type": "array", "maxItems": 0}]}


def manifest_schema(report_suffixes: Collection[str]) -> Schema:
    """A schema for manifests in YAML and JSON. ``report_suffixes``: of the files that a report can be written to.

    Of draft 7: yaml-language-server, which most editors check YAML with, knows that and older ones.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Manifest of dubbatch",
        "description": "What is to be dubbed: videos, audio tracks, and what the outputs are called.",
        "anyOf": [{"$ref": "#/definitions/manifest"}, {"$ref": "#/definitions/rows"}],
        "definitions": {
            "manifest": _manifest(),
            "rows": {"description": "The rows.", "type": "array", "items": _ref("row"), "minItems": 1},
            "value": {"type": ["string", "number", "boolean", "null"]},
            "yes_or_no": _yes_or_no(),
            "audio": _audio(),
            "row": {"description": "One video: one job, or one a language.", "type": "object", **_row()},
            "defaults": {
                "description": "Values for every row that has none of its own.",
                "type": ["object", "null"],
                **_row(),
            },
            "columns": {
                "description": "Your header: the column that it stands for.",
                "type": ["object", "null"],
                "additionalProperties": _column_name(),
            },
            "settings": _settings(report_suffixes),
        },
    }


def _manifest() -> Schema:
    version = {"description": "Version of this format.", "enum": [int(VERSION), VERSION], "default": int(VERSION)}
    return {
        "type": "object",
        "properties": {
            "$schema": {"description": "For editors; ignored.", "type": "string"},
            "version": version,
            "batch": _described("Name of the batch, a label. Default: the file's name.", _VALUE),
            "settings": _ref("settings"),
            "defaults": _ref("defaults"),
            "columns": _ref("columns"),
            "include": _include(),
            "jobs": {"description": "The rows.", "anyOf": [_ref("rows"), _NOTHING]},
        },
        "patternProperties": {"^x-": {"description": "For anchors; ignored."}},
        "anyOf": [_with_rows("jobs"), _with_rows("include")],
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _described(description: str, schema: Schema) -> Schema:
    """``schema`` with a description; draft 7 passes over whatever stands beside a ``$ref``."""
    return {"description": description, **({"allOf": [schema]} if "$ref" in schema else schema)}


def _with_rows(key: str) -> Schema:
    return {"required": [key], "properties": {key: {"not": _NOTHING}}}


def _row() -> Schema:
    values = {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]}
    own = {"anyOf": [*values["anyOf"], {"type": "object", "additionalProperties": values}]}
    return {
        "properties": {name: _described(COLUMNS[name], _column(name)) for name in KNOWN},
        "patternProperties": {_DUB_PATTERN: _described(_DUB, _VALUE)},
        "additionalProperties": _described(_OWN, own),
    }


def _column(name: str) -> Schema:
    if name == "audio":
        return _ref("audio")
    if name == "languages":
        return {"anyOf": [{"type": "array", "items": _VALUE}, _VALUE]}
    if name in ("skip", "disable_active_speaker_detection"):
        return _ref("yes_or_no")
    if name == "priority":
        return {"type": ["integer", "string", "null"], "pattern": "^\\s*(?:[+-]?[0-9_]+(?:\\.0*)?)?\\s*$"}
    if name == "minutes":
        # As text also 2,5 and 0:02:30.
        number = "^\\s*(?:(?=[^eE]*[1-9])[0-9+.][0-9.,:_eE+-]*)?\\s*$"
        bounds = {"exclusiveMinimum": 0, "maximum": MINUTES_MAX}
        return {"type": ["number", "string", "null"], **bounds, "pattern": number}
    if name == "model":
        return {"anyOf": [{"enum": [MODEL, None]}, {"type": "string", "pattern": f"^\\s*(?:{MODEL})?\\s*$"}]}
    return _VALUE


def _audio() -> Schema:
    by_language = {
        "description": "language: dub; one job a language.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _TAG_PATTERN},
        "additionalProperties": _described(_DUB, _VALUE),
    }
    return {"anyOf": [_VALUE, by_language]}


def _yes_or_no() -> Schema:
    words = "|".join(_any_case(word) for word in (*_YES, *_NO))
    return {
        "anyOf": [
            {"type": "boolean"},
            {"enum": [0, 1, None]},
            {"type": "string", "pattern": f"^\\s*(?:{words})?\\s*$"},
        ]
    }


def _include() -> Schema:
    path = {
        "description": "Path of the table, relative to the manifest; rows.xlsx#Sheet2 for a sheet.",
        "type": "string",
    }
    names = ("file", "table", "path")
    table = {
        "type": "object",
        "properties": {
            **dict.fromkeys(names, path),
            "sheet": _described("The sheet of a workbook. Default: the first that has rows.", _VALUE),
            "defaults": _ref("defaults"),
            "columns": _ref("columns"),
        },
        "oneOf": [{"required": [name]} for name in names],
        "additionalProperties": False,
    }
    one = {"anyOf": [path, table]}
    return {
        "description": "Tables whose rows follow those of jobs.",
        "anyOf": [one, {"type": "array", "items": one}, {"type": "null"}],
    }


def _column_name() -> Schema:
    words = "|".join(_any_case(name) for name in KNOWN)
    return {
        "anyOf": [
            {"enum": list(KNOWN)},
            {"type": "string", "pattern": f"^\\s*(?:{words})\\s*$"},
            {"type": "string", "pattern": _DUB_PATTERN},
        ]
    }


def _any_case(word: str) -> str:
    """A pattern of ``word`` as it is compared: in any case, with spaces or hyphens for underscores."""
    letters = (f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word)
    return "".join("[\\s_-]+" if letter == "_" else letter for letter in letters)


def _settings(report_suffixes: Collection[str]) -> Schema:
    return {
        "description": "Options of `dubbatch run` for this manifest.",
        "type": ["object", "null"],
        "properties": {
            option.name: _setting(option, getattr(Settings, name), report_suffixes)
            for name, option in OPTIONS.items()
            if option.scope is Scope.ANYWHERE
        },
        "additionalProperties": False,
    }


def _setting(option: Option, default: Any, report_suffixes: Collection[str]) -> Schema:
    forms = [form for word in (option.metavar or "TEXT").split("|") for form in _forms(option, word)]
    if option.parse is parse_bool:
        words = "|".join(_any_case(word) for word in ("true", "yes", "on", "1", "false", "no", "off", "0"))
        forms = [{"type": "boolean"}, {"enum": [0, 1]}, {"type": "string", "pattern": f"^\\s*(?:{words})\\s*$"}]
    if option.name == "report":
        suffixes = "|".join(_any_case(suffix.removeprefix(".")) for suffix in report_suffixes)
        forms = [{"type": "string", "pattern": f"\\.(?:{suffixes})\\s*$"}]
    if option.name == "report.csv_delimiter":
        words = "|".join(_any_case(word) if word.isalpha() else f"[{word}]" for word in CSV_DELIMITERS)
        forms = [{"enum": list(CSV_DELIMITERS)}, {"type": "string", "pattern": f"^\\s*(?:{words})\\s*$"}]
    if option.is_many:
        forms.append({"type": "array", "items": {"anyOf": list(forms)}})
    if option.name == "max_minutes_by":
        forms.append(_caps())
    schema: Schema = {"description": option.help, "anyOf": forms}
    if default is not None and not option.is_many:
        schema["default"] = default if isinstance(default, (bool, int)) else shown_value(default)
    return schema


def _caps() -> Schema:
    """``language: {de: 30}``, or ``language: 30``: of each."""
    by_value = {"type": "object", "additionalProperties": _MINUTES}
    return {"type": "object", "additionalProperties": {"anyOf": [_MINUTES, by_value]}}


def _forms(option: Option, word: str) -> list[Schema]:
    """What a setting may be where its help says ``word``: in capitals the name of a form, else the word itself."""
    if word == "MINUTES":
        return list(_MINUTES["anyOf"])
    if word == "SHARE":
        return [{"type": "string", "pattern": "^\\s*[0-9]+(?:[.,][0-9]+)?\\s*%\\s*$"}]
    if option.name == "max_minutes_by":
        return [{"type": "string", "pattern": ":\\s*[0-9]+(?:[.,][0-9]+)?\\s*$"}]
    if option.name == "price_per_minute":
        return [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "[0-9]"}]
    takes_zero = _takes(option, "0")
    if word.islower():
        return [{"enum": [word]}, {"type": "string", "pattern": f"^\\s*{_any_case(word)}\\s*$"}]
    if word == "N":
        some = "" if takes_zero else "(?=0*[1-9])"
        number = {"type": "integer", "minimum": 0 if takes_zero else 1, "maximum": 999_999_999}
        return [number, {"type": "string", "pattern": f"^\\s*{some}[0-9]{{1,9}}\\s*$"}]
    if word == "TIME":
        least, some = ("minimum", "") if takes_zero else ("exclusiveMinimum", "(?=[0.]*[1-9])")
        pattern = f"^\\s*{some}[0-9]+(?:\\.[0-9]+)?\\s*[smhSMH]?\\s*$"
        return [{"type": "number", least: 0}, {"type": "string", "pattern": pattern}]
    return [{"type": "string", "pattern": "\\S"}, {"type": "number"}]


def _takes(option: Option, text: str) -> bool:
    try:
        option.parse(text)
    except ValueError:
        return False
    return True
