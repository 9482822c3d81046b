"""Which code page a text was saved in, told by its letters.

A manifest has a handful of words that are not ASCII among hundreds of paths, so statistics of whole texts
don't help. Each code page is a price list: letters of one language are
cheap, the commonest the cheapest; what no language writes (an accented capital inside a word, a symbol between
letters) is dear. The cheapest reading is taken; Windows-1252, by far the commonest, has a start.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Callable, Mapping
from math import exp, log
from typing import NamedTuple

#: Of each code page, the languages written in it: their letters beyond ASCII, the commonest first (counted in
#: the translations that a Linux system has).
_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "cp1252": (
        *("üäößéáí", "éèàêôîçâïëûùœæ", "óáíúéñü", "ãçáíéóúêõâàü", "èàéáùòìîú", "äöåéáíóü"),
        *("æøåéäöô", "äöåšž", "ëéïáíäóöüèêçôûà", "óàéíèúçòüï", "íáóéðúöýþæ"),
    ),
    "cp1250": ("łężóśąćńź", "íáéřýčžěšůúóňďť", "áčíýéťúžšľóňäĺôďŕ", "áéíóöőüúű", "čšžćđ", "ăţşîâ"),
    "cp1251": (
        "аеоинтрсвклпдмуяыйзьбгчжфцшхюэщъё",
        "аноеиіртвкслумдпзяьбйгчхжфцшєющїґ",
        "аеионркстпувдмлзјбгчшњцљфжхћђџ",
    ),
    "cp1253": ("αοετινρσμκηπλςυγίδάόήέχωφθύβώξζψϊ",),
    "cp1254": ("ışçüğöi̇âî",),
    "cp1255": ("יותמלהראנבשקפסגדטםעחןכצזךץף",),
    "cp1256": ("اليمروتةندفسبعحقكصجأطهخشغزإذضىؤئءآظث", "انردتهومبسکلشفپگعزقخحصطچجغضیآثژذئ"),
    "cp1257": ("šųėžįąčūę", "āēīšļņūžķčģ", "äõüöšž"),
    "cp1258": ("̣êố̉đâừỡ̃áàăóíùúéôơưèòì",),
    "cp874": ("ารอนกเม่ัลีงดติสบ้ยว์แไคทูหปขโพจะซชืุำฟใถภณ็ผธฐศษญึฉๆฝฎฏฑฒฬฮ",),
}
#: Code page -> what its reading costs before a letter is seen.
_START: Mapping[str, float] = {
    "cp1252": 0,
    "cp1250": 1.5,
    "cp1251": 1,
    "cp1254": 2,
    "cp932": 1,
    "cp936": 1,
    "cp949": 1,
    "cp1253": 1.5,
    "cp1255": 1.5,
    "cp1256": 1.5,
    "cp1257": 2,
    "cp874": 2,
    "cp950": 2,
    "cp1258": 3,
}
_LATIN = frozenset({"cp1252", "cp1250", "cp1254", "cp1257", "cp1258", "mac_roman"})
#: Marks that follow a letter are letters, too (Thai vowels, Vietnamese tones).
_MARKS = re.compile("[\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
#: From shortly before what is not ASCII to the end of its line; what stands before it decides nothing.
_WORDS_OF_LINE = re.compile(rb"[^\r\n]?[\x80-\xff][^\r\n]*+")
#: As much of a large file is looked at, in bytes.
_SAMPLE = 16 << 10

#: A letter that the language doesn't have; a symbol; a symbol or a capital where words have none; a neighbour
#: beyond ASCII, where the script is Latin.
_FOREIGN, _SYMBOL, _INSIDE, _DENSE = 6.5, 8.0, 5.0, 1.5
#: What offices type: cheap, and the cheapest first.
_TYPED = {char: 3.0 + 0.2 * rank for rank, char in enumerate("’–“”‘—…„«»€°º½×¿¡©®§\xa0")}
#: Letters that are a word each: French, Italian, Spanish and Danish have such, and no language of the other pages.
_WORDS = frozenset("àáèéóòôøåæöäeyíúü")
_OPENING = frozenset("“„«¿¡")
_FINALS = frozenset("ςםןךץף")


def _prices(letters: str) -> Mapping[str, float]:
    weights = [exp(-3.2 * rank / len(letters)) for rank in range(len(letters))]
    return {letter: -log(weight / sum(weights)) for letter, weight in zip(letters, weights, strict=True)}


_PRICES = {page: tuple(map(_prices, languages)) for page, languages in _LANGUAGES.items()}


class _Bytes(NamedTuple):
    """Lead bytes of an East Asian code page, and what a character that begins with them costs."""

    leads: range
    price: float


#: The parts of each character set, the commonest first; what is in none of them is rare.
_EAST_ASIAN: Mapping[str, tuple[_Bytes, ...]] = {
    "cp932": (
        # kana, punctuation, full-width letters, the first level of kanji
        *(_Bytes(range(0x83, 0x84), 4.3), _Bytes(range(0x81, 0x82), 5), _Bytes(range(0x82, 0x83), 4.6)),
        _Bytes(range(0x88, 0x98), 7.3),
    ),
    "cp936": (_Bytes(range(0xB0, 0xD8), 7), _Bytes(range(0xA1, 0xA4), 5.5)),
    "cp949": (_Bytes(range(0xB0, 0xC9), 6.3), _Bytes(range(0xA1, 0xA4), 5.5)),
    "cp950": (_Bytes(range(0xA4, 0xC7), 7.3), _Bytes(range(0xA1, 0xA2), 5.5)),
}
_RARE = 11.0
#: Trail bytes of GB 2312 and KS X 1001, which hold what people write; the rest of cp936 and cp949 is rare.
_OLD_TRAILS_FROM = 0xA1
_KATAKANA = re.compile("[\uff61-\uff9f]+")
_AFTER_LETTER = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]")


def likely_pages(data: bytes) -> list[str]:
    """Code pages (as Python calls them) that ``data`` may be in, the likeliest first; empty: none at all."""
    sample, size = [], 0
    for found in _WORDS_OF_LINE.finditer(data):
        sample.append(found.group()[:_SAMPLE])
        size += len(sample[-1])
        if size >= _SAMPLE:
            break
    lines = b"\n".join(sample)[:_SAMPLE]
    costs: dict[str, float] = {}
    for page, start in _START.items():
        cost = _cost(lines, page)
        if cost is not None:
            costs[page] = start + cost
    # Excel for Mac ended lines as no other program does.
    if b"\r" in data and b"\n" not in data and (cost := _cost(lines, "mac_roman")) is not None:
        costs["mac_roman"] = cost
    return sorted(costs, key=costs.__getitem__)


def _cost(lines: bytes, page: str) -> float | None:
    """What reading ``lines`` as ``page`` costs; None: they can't be read so."""
    try:
        # The sample may end within a character.
        text = getincrementaldecoder(page)().decode(lines)
    except UnicodeDecodeError:
        return None
    if page in _EAST_ASIAN:
        return _east_asian(text, page)
    letters: Counter[str] = Counter()
    place_costs = 0.0
    neighbours = _latin_place if page in _LATIN else _other_place
    for found in _BEYOND_ASCII.finditer(text):
        at = found.start()
        char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
        if (char.isalpha() and char not in "ªº") or _MARKS.match(char):
            letters[char.lower()] += 1
            place_costs += neighbours(char, before, after)
        else:
            place_costs += _symbol(char, before, after)
    languages = _PRICES["cp1252" if page == "mac_roman" else page]
    return place_costs + min(sum(n * prices.get(char, _FOREIGN) for char, n in letters.items()) for prices in languages)


def _latin_place(char: str, before: str, after: str) -> float:
    cost = _INSIDE if char.isupper() and before.islower() else 0.0
    if not before.isalpha() and not after.isalpha() and char.lower() not in _WORDS:
        cost += _INSIDE / 2
    if char.islower() and after.isupper():
        cost += _INSIDE
    return cost + (_DENSE if before.isalpha() and not before.isascii() else 0)


def _other_place(char: str, before: str, after: str) -> float:
    is_mixed = any(beside.isascii() and beside.isalpha() for beside in (before, after))
    cost = _INSIDE if is_mixed else 0.0
    if char.isupper() and before.islower():
        cost += _INSIDE
    return cost + (_INSIDE if char in _FINALS and after.isalpha() else 0)


def _symbol(char: str, before: str, after: str) -> float:
    cost = _TYPED.get(char, _SYMBOL)
    if before.isalpha() and after.isalpha() and char not in "’·":
        cost += _INSIDE
    return cost + (_INSIDE / 2 if char in _OPENING and before.isalpha() else 0)


def _east_asian(text: str, page: str) -> float:
    price = _price_of(page)
    # A half-width kana alone is more likely an accent or a currency sign of another page.
    lonely = sum(_INSIDE for run in _KATAKANA.findall(text) if len(run) == 1)
    mixed = _DENSE * len(_AFTER_LETTER.findall(text))
    return lonely + mixed + sum(price(char) * n for char, n in Counter(_BEYOND_ASCII.findall(text)).items())


def _price_of(page: str) -> Callable[[str], float]:
    parts = _EAST_ASIAN[page]
    trails_from = _OLD_TRAILS_FROM if page in ("cp936", "cp949") else 0

    def price(char: str) -> float:
        data = char.encode(page)
        if len(data) == 1:
            return 4.5 if _KATAKANA.match(char) else _RARE
        if data[1] < trails_from:
            return _RARE
        return next((part.price for part in parts if data[0] in part.leads), _RARE)

    return price
