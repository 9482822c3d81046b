"""Every message of an error that stands in the code, found by walking it: what a person may be told of what went wrong.

The rule: whatever is given as message to an error of ``dubbatch.errors``, to a finding or problem of a manifest or of
media, to the verdict on an answer, to the stop of a run, or to a job as its ``error``. What is put in when it is told
is ``…``. A name stands for what is assigned to it, a function of the same module for what it returns; what is only
passed on (``error.message``) is found where it was made.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dubbatch import errors
from dubbatch.errors import DubbatchError

CODE = Path(errors.__file__).parent
#: Who is given a message -> where among its arguments. Errors of ``dubbatch.errors`` have it first.
PLACES = {
    **{name: 0 for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, DubbatchError)},
    "Finding": 0,
    "_finding": 1,
    "Problem": 3,
    "Fault": 1,
    "_Rule": 2,
    "sending": 1,
    "everything": 1,
    "lose": 1,
    "Line": 2,
    "InUse": 0,
    "Unusable": 0,
    "Impostor": 0,
    "ValueError": 0,
}
#: What is told as part of a sentence -> that sentence.
SENTENCES = {"InUse": "Sheet … {}", "Unusable": "… {}", "Impostor": "… is {}.", "ValueError": "… is …: {}"}
#: Where a ValueError is an answer to what a person has set.
OF_SETTINGS = ("forms.py", "settings.py")
_KEYWORDS = ("message", "error")
#: Less than so many words of its own is no message.
_WORD, _WORDS_MIN = re.compile(r"[^\W\d_]{2,}"), 2
#: More ways to put one message together are a family of its own.
_WAYS_MAX = 64
#: From a name to what it stands for, and on from there.
_DEPTH_MAX = 2


@dataclass(frozen=True)
class Message:
    """A message, and where it stands."""

    text: str
    place: str


@cache
def modules() -> dict[str, ast.Module]:
    """Path in the package -> what is in it."""
    paths = sorted(CODE.rglob("*.py"))
    return {path.relative_to(CODE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def messages() -> Iterator[Message]:
    """All of them, also those of the sandbox's service: the caller says which matter."""
    for name, module in modules().items():
        for scope, call in _calls(module):
            callee = _name(call.func)
            if callee == "ValueError" and name not in OF_SETTINGS:
                continue
            for node in _given(call, callee):
                for text in _texts(node, scope):
                    # Of what is only passed on, nothing is left to look up.
                    if len(_WORD.findall(text)) >= _WORDS_MIN:
                        yield Message(SENTENCES.get(callee, "{}").replace("{}", text), f"{name}:{node.lineno}")


def _calls(module: ast.Module) -> Iterator[tuple[list[ast.AST], ast.Call]]:
    """Each call with what it stands in, from the innermost function to the module."""

    def walk(node: ast.AST, scope: list[ast.AST]) -> Iterator[tuple[list[ast.AST], ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield scope, child
            inner = [child, *scope] if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else scope
            yield from walk(child, inner)

    return walk(module, [module])


def _name(callee: ast.expr) -> str:
    if isinstance(callee, ast.Attribute):
        return callee.attr
    return callee.id if isinstance(callee, ast.Name) else ""


def _given(call: ast.Call, callee: str) -> Iterator[ast.expr]:
    place = PLACES.get(callee)
    if place is not None and len(call.args) > place and not any(isinstance(arg, ast.Starred) for arg in call.args):
        yield call.args[place]
    yield from (keyword.value for keyword in call.keywords if keyword.arg in _KEYWORDS)


def _texts(node: ast.expr, scope: list[ast.AST], depth: int = 0) -> list[str]:
    """What the expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            # To be filled in by ``format``.
            return [text.replace("{}", "…")]
        case ast.JoinedStr():
            return _joined(_texts(part, scope, depth) for part in node.values)
        case ast.FormattedValue(value=value):
            texts = _texts(value, scope, depth + 1)
            return texts if texts != [""] else ["…"]
        case ast.BinOp(op=ast.Add()):
            return _joined((_texts(node.left, scope, depth), _texts(node.right, scope, depth)))
        case ast.IfExp():
            return [*_texts(node.body, scope, depth), *_texts(node.orelse, scope, depth)]
        case ast.BoolOp():
            return [text for value in node.values for text in _texts(value, scope, depth)]
        case ast.Name() if depth < _DEPTH_MAX:
            return [text for value in _assigned(node.id, scope) for text in _texts(value, scope, depth + 1)] or ["…"]
        case ast.Call(func=ast.Name(id=name)) if depth < _DEPTH_MAX:
            values, scope = _returned(name, scope[-1]), scope[-1:]
            return [text for value in values for text in _texts(value, scope, depth + 1)] or ["…"]
    return ["…"]


def _joined(parts: Iterable[list[str]]) -> list[str]:
    ways = itertools.islice(itertools.product(*parts), _WAYS_MAX)
    return [re.sub("…+", "…", "".join(way)) for way in ways]


def _assigned(name: str, scope: list[ast.AST]) -> list[ast.expr]:
    """What the name stands for, in the innermost place that says so."""
    return next((_names(place)[name] for place in scope if name in _names(place)), [])


@cache
def _names(place: ast.AST) -> dict[str, list[ast.expr]]:
    """Name -> all that is assigned to it in a function, or anywhere in a module."""
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(place):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    names.setdefault(target.id, []).append(node.value)
    return names


def _returned(name: str, module: ast.AST) -> list[ast.expr]:
    """What a function of the module may return."""
    bodies = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name == name]
    return [node.value for body in bodies for node in ast.walk(body) if isinstance(node, ast.Return) and node.value]
