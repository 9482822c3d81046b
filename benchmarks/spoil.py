"""Ways to spoil a manifest: bytes, lines, cells and headers of texts; the parts inside of workbooks, zipped again.

Every mutation is drawn from a seed, so that what it found can be had again.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

_NASTY: Sequence[bytes] = (
    *(b"", b" ", b"\0", b'"', b'""', b"'", b"=1+1", b"1E+400", b"NaN", b"inf", b"-1", b"9" * 400, b"0x10", b"1_000"),
    *(b"{", b"}", b"{language}", b"{audio}", b"{{", b"%s%n", b"../../etc/passwd", b"/dev/zero", b"/proc/self/mem"),
    *(b"http://[::1", b"http://a:99999999/x.mp4", b"https://x/%zz.mp4", b"file:///etc/passwd", b"ftp://x/y", b"//x/y"),
    *(b"https://docs.google.com/spreadsheets/d/x/edit#gid=0", b"https://dropbox.com", b"https://drive.google.com/d/"),
    *(
        b"\\\\server\\share\\x.mp4",
        b"C:\\x.mp4",
        b".",
        b"..",
        b"~",
        b"media",
        b"media/folder.mp4",
        b"x" * 5000 + b".mp4",
    ),
    *(b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe2\x80\xa8", b"\xc3\xa9" * 200, b"\xd9\xa3"),
    *(b"a" * 140_000, b"con", b"nul.mp4", b"2-Jan", b"1.0", b"1E+05", b"#REF!", b"true", b"no", b"x", b"jp", b"German"),
    *(b"audio:", b"audio_de", b"audio:zz-zz-zz", b"video", b"audio", b"id", b"dub_x", b"sep=;", b"de,fr", b"[de, fr]"),
    *(b"*a", b"&a b", b"<<", b"!!python/object:os.system", b"[" * 200, b"{" * 200, b"- " * 200, b"---", b"\t", b"? :"),
    *(b"\r", b"\n", b"\r\n\r\n", b"|", b";", b",", b"&amp;", b"<t/>", b"]]>", b"&#0;", b"&x;", b"\xef\xbc\x91"),
)
_CELL = re.compile(rb"[^,;\t|\r\n\"]+")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_TAG = re.compile(rb"<[^<>]*>")
_ATTRIBUTE = re.compile(rb'(?<==")[^"<>]*(?=")')
_XML_TEXT = re.compile(rb"(?<=>)[^<>]+(?=<)")
_WORKBOOKS = (".xlsx", ".xlsm")


#: Lines repeated again and again would measure the machine, in bytes.
_SIZE_MAX = 4 << 20


@dataclass(frozen=True)
class Input:
    """One spoilt manifest, and how it is loaded."""

    number: int
    #: The file of the corpus that it was made of.
    origin: str
    data: bytes
    columns: Mapping[str, str]
    include_hidden: bool = False
    is_piped: bool = False

    @property
    def name(self) -> str:
        return f"fuzz-{self.number}{Path(self.origin).suffix}"


def make_input(corpus: Mapping[str, bytes], seed: int, number: int) -> Input:
    """The input of that number: a file of the corpus with one to four mutations."""
    random = Random(f"{seed}-{number}")
    origin = random.choice(list(corpus))
    data = corpus[origin]
    is_workbook = origin.endswith(_WORKBOOKS)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        other = corpus[random.choice(list(corpus))]
        if is_workbook and data.startswith(b"PK") and random.random() < 0.85:
            data = _spoil_workbook(data, random)
        else:
            mutate = random.choice(_BYTES if is_workbook else (*_BYTES, *_TEXTS, *_TEXTS))
            data = mutate(data, other, random)[:_SIZE_MAX]
    columns = {} if random.random() < 0.8 else {random.choice(("Video File", "id", "Track", "")): "video"}
    return Input(number, origin, data, columns, random.random() < 0.3, random.random() < 0.1)


Mutation = Callable[[bytes, bytes, Random], bytes]


def _flip(data: bytes, other: bytes, random: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        if spoilt:
            spoilt[random.randrange(len(spoilt))] = random.randrange(256)
    return bytes(spoilt)


def _cut(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _remove(data: bytes, other: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.choice((1, 3, 50)) :]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _insert(data: bytes, other: bytes, random: Random) -> bytes:
    start = random.choice((0, random.randrange(len(data) + 1)))
    return data[:start] + random.choice(_NASTY) + data[start:]


def _lines(data: bytes, other: bytes, random: Random) -> bytes:
    lines = _LINE.findall(data)
    if not lines:
        return data
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    match random.choice(("twice", "away", "swap", "many", "strange")):
        case "twice":
            lines.insert(two, lines[one])
        case "away":
            del lines[one]
        case "swap":
            lines[one], lines[two] = lines[two], lines[one]
        case "many":
            lines[one:one] = [lines[one]] * random.choice((10, 1000))
        case _:
            lines.insert(one, random.choice(_LINE.findall(other) or [b"\n"]))
    return b"".join(lines)


def _cells(data: bytes, other: bytes, random: Random) -> bytes:
    return _replaced(_CELL, data, random)


def _header(data: bytes, other: bytes, random: Random) -> bytes:
    lines = _LINE.findall(data)
    if not lines:
        return data
    delimiter = random.choice((b",", b";", b"\t", b":"))
    cells = lines[0].split(delimiter)
    random.shuffle(cells)
    return delimiter.join(cells) + b"".join(lines[1:])


def _recode(data: bytes, other: bytes, random: Random) -> bytes:
    codec = random.choice(("utf-16", "utf-16-le", "utf-8-sig", "cp1252", "cp932", "utf-32", "utf-7"))
    return data.decode("utf-8", errors="replace").encode(codec, errors="replace")


def _line_ends(data: bytes, other: bytes, random: Random) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", random.choice((b"\r", b"\r\n", b"\n\n", b"\r\r\n", b"\x0b")))


_BYTES: Sequence[Mutation] = (_flip, _cut, _remove, _splice, _insert)
_TEXTS: Sequence[Mutation] = (_lines, _cells, _header, _cells, _recode, _line_ends)


def _replaced(pattern: re.Pattern[bytes], data: bytes, random: Random) -> bytes:
    """One match of ``pattern`` is something nasty, or something that stands elsewhere."""
    matches = list(pattern.finditer(data))
    if not matches:
        return data
    found = random.choice(matches)
    value = random.choice(_NASTY) if random.random() < 0.7 else random.choice(matches).group()
    return data[: found.start()] + value + data[found.end() :]


def _spoil_workbook(data: bytes, random: Random) -> bytes:
    """The workbook with one of its parts spoilt; what is no workbook any more gets its bytes spoilt."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, NotImplementedError, RuntimeError, EOFError):
        return _flip(data, b"", random)
    # Sheets, strings and links are what is read the most.
    names = [name for name in parts for _ in range(6 if re.search("sheet|haredStrings|workbook|styles", name) else 1)]
    if not names:
        return data
    name = random.choice(names)
    match random.choice(("attribute", "attribute", "text", "text", "tag", "tag", "bytes", "part")):
        case "attribute":
            parts[name] = _replaced(_ATTRIBUTE, parts[name], random)
        case "text":
            parts[name] = _replaced(_XML_TEXT, parts[name], random)
        case "tag":
            parts[name] = _spoilt_tag(parts[name], random)
        case "bytes":
            parts[name] = random.choice(_BYTES)(parts[name], parts[random.choice(names)], random)
        case _:
            parts = _spoilt_parts(parts, name, random)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return file.getvalue()


def _spoilt_tag(part: bytes, random: Random) -> bytes:
    tags = list(_TAG.finditer(part))
    if not tags:
        return part
    one, two = sorted((random.choice(tags), random.choice(tags)), key=lambda found: found.start())
    match random.choice(("away", "twice", "between", "many")):
        case "away":
            return part[: one.start()] + part[one.end() :]
        case "twice":
            return part[: two.start()] + one.group() + part[two.start() :]
        case "between":
            return part[: one.start()] + part[two.start() :]
        case _:
            return part[: two.start()] + part[one.start() : two.start()] * random.choice((2, 50)) + part[two.start() :]


def _spoilt_parts(parts: Mapping[str, bytes], name: str, random: Random) -> dict[str, bytes]:
    spoilt = dict(parts)
    match random.choice(("away", "empty", "other", "upper")):
        case "away":
            del spoilt[name]
        case "empty":
            spoilt[name] = b""
        case "other":
            spoilt[name] = parts[random.choice(list(parts))]
        case _:
            spoilt[name.upper()] = spoilt.pop(name)
    return spoilt
