"""Damages text the way that wrong encodings and broken PDF fonts do."""

from __future__ import annotations

import html
import quopri
import random
import re
from collections.abc import Callable

Rng = random.Random
C1 = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def misread(text: str, real: str, taken: str, errors: str = "replace") -> str:
    """Text written in one encoding and read in another."""
    return C1.sub("", text.encode(real, "ignore").decode(taken, errors))


def cid_run(text: str, rng: Rng) -> str:
    """Characters (all but spaces) as (cid:N), as a PDF without a character map gives."""
    return "".join(
        c if c in "\n 、。" else f"(cid:{ord(c) % 9000 + rng.randrange(3)})" for c in text
    )


def some(text: str, rng: Rng, share: float, new: str) -> str:
    """A share of the letters replaced."""
    return "".join(new if not c.isspace() and rng.random() < share else c for c in text)


def shifted(text: str, rng: Rng) -> str:
    """Letters moved by a fixed number, as a PDF with a wrong character map gives."""
    step = rng.choice((3, 7, 11, 29))

    def move(c: str) -> str:
        if "a" <= c.lower() <= "z":
            first = "a" if c.islower() else "A"
            return chr((ord(c) - ord(first) + step) % 26 + ord(first))
        if "ぁ" <= c <= "ゖ" or "ァ" <= c <= "ヶ" or "一" <= c <= "龠":
            return chr(ord(c) + step)
        return c

    return "".join(map(move, text))


def iso2022(text: str, _: Rng) -> str:
    """ISO-2022-JP that lost its escape characters."""
    return text.encode("iso2022_jp", "ignore").decode("ascii").replace("\x1b", "")


JA: dict[str, Callable[[str, Rng], str]] = {
    "cid": cid_run,
    "U+FFFD scattered": lambda t, r: some(t, r, 0.25, "\ufffd"),
    "cp932 read as UTF-8": lambda t, r: misread(t, "cp932", "utf-8"),
    "UTF-8 read as cp932": lambda t, r: misread(
        t, "utf-8", "cp932", r.choice(("replace", "ignore"))
    ),
    "UTF-8 read as latin-1": lambda t, r: t.encode().decode("latin-1"),
    "UTF-8 read as cp1252": lambda t, r: misread(t, "utf-8", "cp1252"),
    "cp932 read as latin-1": lambda t, r: t.encode("cp932", "ignore").decode("latin-1"),
    "EUC read as cp932": lambda t, r: misread(t, "euc_jp", "cp932", "ignore"),
    "cp932 read as EUC": lambda t, r: misread(t, "cp932", "euc_jp"),
    "question marks": lambda t, r: t.encode("ascii", "replace").decode(),
    "boxes": lambda t, r: re.sub("[一-龠]", r.choice("□〓"), t),
    "kanji lost": lambda t, r: re.sub("[一-龠々]", "", t),
    "kana lost": lambda t, r: re.sub("[ぁ-んァ-ヴー]", "", t),
    "every second character lost": lambda t, r: t[::2],
    "shifted letters": shifted,
    "ISO-2022-JP without escapes": iso2022,
    "unicode escapes": lambda t, r: t.encode("ascii", "backslashreplace").decode(),
    "numeric entities": lambda t, r: t.encode("ascii", "xmlcharrefreplace").decode(),
    "quoted-printable": lambda t, r: quopri.encodestring(t.encode()).decode(),
}
EN: dict[str, Callable[[str, Rng], str]] = {
    "cid": cid_run,
    "U+FFFD scattered": lambda t, r: some(t, r, 0.15, "\ufffd"),
    "UTF-8 read as cp1252": lambda t, r: misread(curly(t), "utf-8", "cp1252"),
    "UTF-8 read as cp932": lambda t, r: misread(curly(t), "utf-8", "cp932"),
    "twice misread": lambda t, r: misread(
        misread(curly(t), "utf-8", "cp1252", "ignore"), "utf-8", "cp1252", "ignore"
    ),
    "ligatures lost": lambda t, r: re.sub("ffi|ff|fi|fl|ti|tt", "", t),
    "ligatures as U+FFFD": lambda t, r: re.sub("ffi|ff|fi|fl|ti|tt", "\ufffd", t),
    "vowels lost": lambda t, r: re.sub("[aeiou]", "", t),
    "every second character lost": lambda t, r: t[::2],
    "shifted letters": shifted,
    "spaces lost": lambda t, r: t.replace(" ", ""),
    "spaced letters": lambda t, r: " ".join(t),
    "UTF-16 read as bytes": lambda t, r: re.sub("(?<=.)", "\ufffd", t),
    "UTF-16 read as Chinese": lambda t, r: t.encode("ascii", "ignore")[: len(t) // 2 * 2].decode(
        "utf-16-le", "replace"
    ),
    "boxes": lambda t, r: some(t, r, 0.5, "□"),
    "private use": lambda t, r: "".join(chr(0xF000 + ord(c)) if c.isalpha() else c for c in t),
    "double entities": lambda t, r: html.escape(
        curly(t).encode("ascii", "xmlcharrefreplace").decode()
    ),
    "quoted-printable": lambda t, r: quopri.encodestring(curly(t).encode()).decode(),
}


def curly(text: str) -> str:
    """Straight quotes made curly and hyphens long; a quoted word where there were none."""
    text = re.sub(r"'", "’", re.sub(r'"([^"]*)"', "“\\1”", text)).replace(" - ", " — ")
    return re.sub(r"\b([a-z]{6,})\b", "“\\1”", text, count=1) if text.isascii() else text


def sentences(text: str, lang: str) -> list[str]:
    """The text cut after sentences."""
    return re.findall(
        r"[^。\n]+[。\n]*" if lang == "ja" else r".+?(?:[.!?](?=\s)|\n|$)\s*", text, re.S
    )


def part(text: str, lang: str, form: str, rng: Rng) -> tuple[str, str, str]:
    """Damage the whole text or one sentence: (text, 'whole' or 'part', damaged piece)."""
    damage = (JA if lang == "ja" else EN)[form]
    pieces = sentences(text, lang)
    if len(pieces) > 2 and rng.random() < 0.35:
        i = max(range(len(pieces)), key=lambda k: (len(pieces[k]), k))
        tail = pieces[i][len(pieces[i].rstrip()) :]
        bad = damage(pieces[i].rstrip(), rng)
        if bad != pieces[i].rstrip():
            return "".join(pieces[:i]) + bad + tail + "".join(pieces[i + 1 :]), "part", bad
    bad = damage(text, rng)
    return bad, "whole", bad


def mixed_bytes(text: str, lang: str) -> bytes:
    """A file whose first half is UTF-8 and whose second half is in another encoding."""
    half = len(text) // 2
    cut = (
        text.find("\n" if "\n" in text[half:] else "。" if lang == "ja" else " ", half) + 1 or half
    )
    return text[:cut].encode() + text[cut:].encode(
        "cp932" if lang == "ja" else "utf-16-le", "replace"
    )
