"""Which encoding a file is in, decided on all of its bytes, and where bytes are broken.

Order: byte order marks, ISO-2022-JP by its escapes, UTF-16 by its NULs, UTF-8, then CP932 against
EUC-JP by how Japanese the result reads (EUC-JP kana are also valid half-width CP932), then line
by line for mixed files, then charset-normalizer. Nothing is dropped silently: what cannot be
decoded becomes U+FFFD and its lines are reported.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from knowledge.corpus.languages import character_counts
from knowledge.corpus.source import excerpt, ranges, refuse
from knowledge.corpus.types import Problem

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ALIASES = {"shift_jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932"}
_ESCAPE = re.compile(rb"\x1b(\$@|\$B|\$\(D|\(B|\(J|\(I)")
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MULTIBYTE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HALF_KANA = re.compile(r"[｡-ﾟ]")
_BAD_DAKUTEN = re.compile(r"(?:^|[^ｳｶ-ﾄﾊ-ﾎ])ﾞ|(?:^|[^ﾊ-ﾎ])ﾟ")
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_KANA = re.compile(r"[ぁ-ゟァ-ヿ、。「」]")
_LONE = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f](?=[A-Za-z\s,.]|$)")


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    encoding: str
    problems: tuple[Problem, ...] = ()


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode a whole file; `declared` is what it says of itself (an HTML or mail header).

    Raises:
        Refused: the bytes are not text, or in no encoding that can be told.
    """
    text, encoding, problems = _decode(data, declared)
    if "\0" in text:
        lines = [i for i, line in enumerate(text.split("\n"), 1) if "\0" in line]
        count = text.count("\0")
        values = {"n": count, "lines": ranges(lines)}
        problems = (*problems, Problem("nul-bytes", "warn", f"line {ranges(lines)}", values))
        text = text.replace("\0", "")
    controls = sum(n for c, n in character_counts(text).items() if _CONTROLS.match(c))
    if controls > max(2, 0.01 * len(text)):
        raise refuse("not-text")
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), encoding, problems)


Result = tuple[str, str, tuple[Problem, ...]]


def _decode(data: bytes, declared: str | None) -> Result:
    for bom, name in _BOMS:
        if data.startswith(bom):
            return _marked(data, name)
    if _ESCAPE.search(data) and max(data, default=0) < 0x80 and (text := _iso_2022_jp(data)):
        return text, "iso2022_jp", ()
    if (wide := _unmarked_utf16(data)) is not None:
        return wide
    names = dict.fromkeys(["utf-8", *([_known(declared)] if _known(declared) else [])])
    for name in names:
        if (text := _strict(data, name)) is not None:
            return text, name, ()
    candidates = [(t, n) for n in ("cp932", "euc_jp") if (t := _strict(data, n)) is not None]
    best = max(candidates, key=lambda c: plausibility(c[0]), default=None)
    if best and plausibility(best[0]) >= 0.5 and _utf8_share(data) < 0.9 and not _western(best[0]):
        return best[0], best[1], ()
    return _by_line(data) or _guessed(data, best)


def _known(declared: str | None) -> str:
    """The codec that a declared name means; "" when there is none."""
    name = (declared or "").strip().lower()
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name if name else ""
    except LookupError:
        return ""
    return "cp932" if found == "shift_jis" else found


def _strict(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeDecodeError, UnicodeError):
        return None


def _marked(data: bytes, name: str) -> Result:
    text = _strict(data, name)
    if text is not None:
        return text, name, ()
    text = data.decode(name, "replace")
    return text, name, (_broken(text),)


def _broken(text: str) -> Problem:
    rows = text.split("\n")
    lines = [i for i, line in enumerate(rows, 1) if "\ufffd" in line]
    values = {"n": text.count("\ufffd"), "lines": ranges(lines)}
    shown = excerpt(rows[lines[0] - 1]) if lines else ""
    return Problem("broken-bytes", "warn", f"line {ranges(lines)}", values, shown)


def _unmarked_utf16(data: bytes) -> Result | None:
    if not data or len(data) % 2 or b"\0" not in data:
        return None
    for name in ("utf-16-le", "utf-16-be"):
        text = _strict(data, name)
        if text and "\0" not in text and _readable_share(text) >= 0.95:
            return text, name, ()
    return None


def _readable_share(text: str) -> float:
    return len(re.findall(r"[\t\r\n -~ぁ-ヿ一-鿿、-〿！-ﾟ가-힣]", text)) / len(text)


def _iso_2022_jp(data: bytes) -> str | None:
    for name in ("iso2022_jp", "iso2022_jp_2", "iso2022_jp_ext"):
        if (text := _strict(data, name)) is not None:
            return text
    return _windows_iso_2022_jp(data)


def _windows_iso_2022_jp(data: bytes) -> str | None:
    """ISO-2022-JP as Windows mail writes it, with ① and 髙: its rows are those of CP932."""
    parts, mode = [], b"(B"
    for piece in re.split(rb"\x1b(\$@|\$B|\(B|\(J|\(I)", data):
        if re.fullmatch(rb"\$@|\$B|\(B|\(J|\(I", piece):
            mode = piece
        elif mode in (b"$@", b"$B"):
            pairs = zip(piece[::2], piece[1::2], strict=False)
            parts.append(b"".join(_shift(row, cell) for row, cell in pairs))
        else:
            parts.append(bytes(b | 0x80 for b in piece) if mode == b"(I" else piece)
    return _strict(b"".join(parts), "cp932")


def _shift(row: int, cell: int) -> bytes:
    """A JIS X 0208 row and cell (0x21–0x7E) in Shift_JIS."""
    lead = ((row - 0x21) >> 1) + 0x81
    lead += 0x40 if lead > 0x9F else 0
    if row % 2:
        return bytes((lead, cell + (0x20 if cell >= 0x60 else 0x1F)))
    return bytes((lead, cell + 0x7E))


def _utf8_share(data: bytes) -> float:
    """The share of non-ASCII stretches that are well-formed UTF-8."""
    good = len(_MULTIBYTE.findall(data))
    bad = len(re.findall(rb"[\x80-\xff]+", _MULTIBYTE.sub(b"", data)))
    return good / (good + bad) if good + bad else 1.0


def plausibility(text: str) -> float:
    """How much the non-ASCII part reads like Japanese: 1 is prose, below 0.5 another encoding."""
    characters = {c: n for c, n in character_counts(text).items() if c > "\x7f"}
    total = sum(characters.values())
    if not total:
        return 1.0
    if _half_width_kana_only(text, characters):
        return 0.95
    score = sum(n * _likeness(c) for c, n in characters.items())
    return (score - 2.0 * len(_BAD_DAKUTEN.findall(text))) / total


@cache
def _likeness(c: str) -> float:
    """How usual one character is in Japanese text."""
    if "ぁ" <= c <= "ヿ" or c in "、。「」・（）％：＝／！？〜～　" or "０" <= c <= "ｚ":
        return 1.0
    if "一" <= c <= "鿿":
        return 0.9 if _first_level(c) else 0.35
    return 0.55 if _HALF_KANA.match(c) else 0.3


def _half_width_kana_only(text: str, characters: Mapping[str, int]) -> bool:
    """Names as banks write them: voicing marks where they belong, little punctuation.

    EUC-JP kana read as half-width kana are every other character ､ or ･; its kanji put voicing
    marks anywhere and make kanji of their own.
    """
    if not all(_HALF_KANA.match(c) for c in characters) or _BAD_DAKUTEN.search(text):
        return False
    marks = sum(characters.get(c, 0) for c in "｡｢｣､･")
    return marks < 0.2 * sum(characters.values())


def _first_level(kanji: str) -> bool:
    """JIS level 1 holds the 2,965 kanji of daily use: rows 16–47."""
    try:
        code = kanji.encode("euc_jp")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and 0xB0 <= code[0] <= 0xCF


def _western(text: str) -> bool:
    """A few single characters inside Latin words: accents misread as Japanese."""
    found = _NON_ASCII.findall(text)
    return not _KANA.search(text) and len(_LONE.findall(text)) > 0.5 * len(found)


def _by_line(data: bytes) -> Result | None:
    """A file whose lines differ, or with a few bytes lost: each line in the encoding it fits."""
    base = _base(data)
    if base is None:
        return None
    texts, other, names = [], [], {base}
    for number, line in enumerate(data.split(b"\n"), 1):
        text, name = _line(line, base)
        texts.append(text)
        names.add(name)
        if name != base:
            other.append(number)
    whole = "\n".join(texts)
    # Bytes that no encoding explains on more than a fifth of the text: this was a wrong guess.
    if whole.count("\ufffd") > 0.2 * max(1, len(_NON_ASCII.findall(whole))):
        return None
    problems = []
    if other:
        values = {"encodings": ", ".join(sorted(names)), "lines": ranges(other)}
        shown = excerpt(texts[other[0] - 1])
        problems.append(Problem("mixed-encoding", "warn", f"line {ranges(other)}", values, shown))
    if "\ufffd" in whole:
        problems.append(_broken(whole))
    return whole, base, tuple(problems)


def _base(data: bytes) -> str | None:
    """The encoding that most lines with non-ASCII bytes fit."""
    fits = {"utf-8": 0, "cp932": 0, "euc_jp": 0}
    for line in data.split(b"\n"):
        if not any(b > 0x7F for b in line):
            continue
        readings = [(t, n) for n in fits if (t := _strict(line, n)) is not None]
        if readings:
            # UTF-8 hardly ever fits by chance; the others are told apart by how they read.
            first = readings[0][1] == "utf-8"
            fits["utf-8" if first else max(readings, key=lambda r: plausibility(r[0]))[1]] += 1
    best = max(fits, key=lambda name: fits[name])
    if fits[best]:
        return best
    return "utf-8" if _utf8_share(data) >= 0.5 else None


def _line(line: bytes, base: str) -> tuple[str, str]:
    if (text := _strict(line, base)) is not None:
        return text, base
    if base == "utf-8" and _utf8_share(line) >= 0.7:
        return line.decode(base, "replace"), base
    readings = [(t, n) for n in ("utf-8", "cp932", "euc_jp") if (t := _strict(line, n)) is not None]
    best = max(readings, key=lambda r: plausibility(r[0]), default=None)
    if best and plausibility(best[0]) >= 0.75:
        return best
    return line.decode(base, "replace"), base


def _guessed(data: bytes, best: tuple[str, str] | None) -> Result:
    from charset_normalizer import from_bytes

    found = from_bytes(data).best()
    if found is not None and not _CONTROLS.search(str(found)):
        problem = Problem("guessed-encoding", "warn", "", {"encoding": found.encoding})
        return str(found).removeprefix("\ufeff"), found.encoding, (problem,)
    if best is not None and plausibility(best[0]) >= 0.3:
        problem = Problem("guessed-encoding", "warn", "", {"encoding": best[1]})
        return best[0], best[1], (problem,)
    controls = sum(1 for byte in data if byte < 9 or 13 < byte < 27 or 27 < byte < 32)
    raise refuse("not-text" if controls > 0.02 * len(data) else "unknown-encoding")
