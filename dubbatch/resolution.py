"""Which value of a setting is in force, and where it came from.

Precedence: flag, environment, manifest, ``dubbatch.toml``, default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dubbatch.errors import UsageError
from dubbatch.option import ENV_PREFIX, Option, Scope
from dubbatch.settings import OPTIONS, Settings

#: The SDK's own name for the service's address is honoured too.
_SDK_BASE_URL = "CHAMELAION_BASE_URL"

_NO_LINES: Mapping[str, str] = MappingProxyType({})
_BY_NAME: Mapping[str, str] = {option.name: name for name, option in OPTIONS.items()}
#: What someone may try to put into a manifest or file and must not.
_SECRETS = frozenset({"api_key", "bearer_token", "key", "chamelaion_api_key", "chamelaion_bearer_token"})


def is_secret(name: str) -> bool:
    """Whether ``name`` is what somebody may call the key."""
    return name.strip().lower().replace("-", "_").replace(" ", "_") in _SECRETS


@dataclass(frozen=True, slots=True)
class Fault:
    """A setting that can't be used: where it was set, and what to do. ``key`` is the name as it stands there."""

    key: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force, where each came from, and what is to be said about them."""

    settings: Settings
    #: Option name -> "flag", "environment", "manifest", "dubbatch.toml" or "default".
    origins: Mapping[str, str]
    #: Option name -> the same with the very place: ``flag --timeout``, ``manifest spring.yaml, line 4``.
    places: Mapping[str, str]
    #: Of the manifest: problems of its cells, told with the others.
    manifest_faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()


def resolve(
    *,
    flags: Mapping[str, str | Iterable[str]],
    env: Mapping[str, str],
    manifest: Mapping[str, str | Iterable[str]],
    toml: Mapping[str, str | Iterable[str]],
    here: Path,
    beside: Path,
    lines: Mapping[str, str] = _NO_LINES,
) -> Resolved:
    """Merge all sources by option name. ``here`` is the working directory, ``beside`` the manifest's folder.

    ``lines`` says of the manifest's settings where they stand in it.

    Raises UsageError for what stands in flags, environment or dubbatch.toml; the manifest's own
    faults are returned, so that they can be told with their cells.
    """
    layers: list[tuple[str, Mapping[str, Any], Path]] = [
        ("dubbatch.toml", _known("dubbatch.toml", toml, (Scope.ANYWHERE, Scope.NOT_MANIFEST)), beside),
    ]
    values: dict[str, Any] = {}
    origins = {option.name: "default" for option in OPTIONS.values()}
    places = dict(origins)
    faults = tuple(_manifest_faults(manifest))
    bad = {fault.key for fault in faults}
    layers += [
        ("manifest", {key: value for key, value in manifest.items() if key not in bad}, beside),
        ("environment", _from_env(env), beside),
        ("flag", flags, here),
    ]
    for origin, layer, base in layers:
        for key, raw in layer.items():
            values[_BY_NAME[key]] = _parse(origin, OPTIONS[_BY_NAME[key]], raw, base)
            origins[key] = origin
            places[key] = f"{origin} {_exactly(origin, OPTIONS[_BY_NAME[key]], env, beside, lines)}".rstrip()
    return Resolved(Settings(**values), origins, places, faults, tuple(_env_warnings(env)))


def _exactly(origin: str, option: Option, env: Mapping[str, str], beside: Path, lines: Mapping[str, str]) -> str:
    """Which flag, variable, line or file it was."""
    if origin == "flag":
        return option.flag
    if origin == "environment":
        return option.env if env.get(option.env) else _SDK_BASE_URL
    return lines.get(option.name, "") if origin == "manifest" else str(beside / "dubbatch.toml")


def _parse(origin: str, option: Option, raw: str | Iterable[str], base: Path) -> Any:
    texts = [raw] if isinstance(raw, str) else list(raw)
    try:
        parsed = _parsed(option, texts)
    except ValueError as error:
        where = {"flag": option.flag, "environment": option.env}.get(origin, f"{origin}: {option.name}")
        hint = "nothing was sent" + ("; --help explains the option" if origin == "flag" else "")
        raise UsageError(f"{where} is {', '.join(texts)!r}: {error}", hint=hint) from None
    if option.is_path:
        parsed = [base / path for path in parsed]
    return tuple(parsed) if option.is_many else parsed[0]


def _parsed(option: Option, texts: list[str]) -> list[Any]:
    if len(texts) != 1 and not option.is_many:
        raise ValueError("expected one value")
    return [option.parse(text) for text in texts]


def _known(where: str, layer: Mapping[str, Any], scopes: tuple[Scope, ...]) -> Mapping[str, Any]:
    for key in layer:
        if fault := _fault(key, scopes):
            raise UsageError(f"{where}: {fault.message}", hint=fault.remedy)
    return layer


def _manifest_faults(manifest: Mapping[str, str | Iterable[str]]) -> Iterable[Fault]:
    for key, raw in manifest.items():
        if fault := _fault(key, (Scope.ANYWHERE,)):
            yield fault
            continue
        option = OPTIONS[_BY_NAME[key]]
        try:
            _parsed(option, [raw] if isinstance(raw, str) else list(raw))
        except ValueError as error:
            yield Fault(key, f"setting {key}: {error}", f"see `dubbatch config`: {option.help}")


def _fault(key: str, scopes: tuple[Scope, ...]) -> Fault | None:
    """What is wrong with naming ``key`` in a file that may set ``scopes``; None: nothing."""
    if is_secret(key):
        return Fault(key, f"{key} must not stand in a file that is passed on", "set CHAMELAION_API_KEY instead")
    if key not in _BY_NAME:
        near = get_close_matches(key.lower().replace("-", "_"), _BY_NAME, 1)
        remedy = f"did you mean {near[0]}?" if near else "`dubbatch config` lists every setting"
        return Fault(key, f"unknown setting {key}", remedy)
    option = OPTIONS[_BY_NAME[key]]
    if option.scope not in scopes:
        remedy = f"use {option.flag}" + ("" if option.scope is Scope.FLAG else f" or {option.env}")
        return Fault(key, f"{key} can't be set here ({option.scope})", remedy)
    return None


def _from_env(env: Mapping[str, str]) -> dict[str, str]:
    found = {"base_url": env[_SDK_BASE_URL]} if env.get(_SDK_BASE_URL) else {}
    for option in OPTIONS.values():
        if option.scope is not Scope.FLAG and env.get(option.env):
            found[option.name] = env[option.env]
    return found


def _env_warnings(env: Mapping[str, str]) -> Iterable[str]:
    names = [option.env.removeprefix(ENV_PREFIX) for option in OPTIONS.values() if option.scope is not Scope.FLAG]
    for variable in sorted(env):
        name = variable.removeprefix(ENV_PREFIX)
        if name != variable and name not in names:
            # Compared without what they all begin with, which would make any two look alike.
            near = get_close_matches(name, names, 1)
            yield f"{variable} is no setting of dubbatch" + (f": did you mean {ENV_PREFIX}{near[0]}?" if near else "")
