"""Whether digits and words that look like personal data are: check digits, Luhn, known surnames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files

Check = Callable[[str, str, str], bool]
"""What was found, what stands before it and after it (about 20 characters each)."""

HONORIFICS = ("様", "さん", "さま", "氏", "くん", "君", "殿", "先生")
_NOT_DIGITS = re.compile(r"\D")
_NUMBERED = re.compile(
    r"(?i)(?:注文|伝票|受付|管理|品目|商品|製造|契約|請求|見積|追跡|お問い?合わせ|製品|資産|"
    r"顧客|会員|"
    r"登録|整理|シリアル|JAN|ISBN|order|invoice|ticket|tracking|serial|part|case|ref)\w*"
    r"\s?(?:番号|No\.?|コード|number|id|code|#)?\s?[:：は#]?\s*$"
)
_MY_NUMBER = re.compile(r"マイナンバー|個人番号|my\s?number|individual number", re.IGNORECASE)
_CARD_PREFIX = re.compile(r"4|5[1-5]|2[2-7]|3[47]|35|6011|65|62|36|38|30[0-5]")
_PLAIN_WORDS = re.compile(
    r"(?i)^(?:required|optional|policy|reset|resets|change|changes|changed|example|string|"
    r"none|null|"
    r"true|false|protected|manager|field|here|must|should|cannot|hunter2?x?|[*x•.＊]+|"
    r".*\*{3,}.*)[.,。]?$"
)
_TITLE_WORDS = {"President", "Chairman", "Speaker", "Chair", "Director", "Right", "Wrong", "Of"}


def digits(text: str) -> str:
    """Only the digits of `text`."""
    return _NOT_DIGITS.sub("", text)


def is_my_number(found: str, before: str, after: str) -> bool:
    """12 digits with the check digit of the Individual Number, and nothing that says otherwise.

    One in eleven numbers of 12 digits passes by chance: one written without groups counts only
    where the text around it speaks of it.
    """
    number = digits(found)
    if len(number) != 12 or len(set(number)) == 1 or not my_number_is_valid(number):
        return False
    if _MY_NUMBER.search(before) or _MY_NUMBER.search(after):
        return True
    grouped = bool(re.fullmatch(r"\d{4}([-\s])\d{4}\1\d{4}", found))
    return grouped and not _NUMBERED.search(before)


def my_number_is_valid(number: str) -> bool:
    """The check digit: 11 minus the weighted sum of the first 11 digits modulo 11."""
    total = 0
    for place, digit in enumerate(reversed(number[:11]), 1):
        total += int(digit) * (place + 1 if place <= 6 else place - 5)
    rest = total % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest)


def is_card(found: str, before: str, after: str) -> bool:
    """A payment card's number: a known issuer, its length, and Luhn's check digit."""
    number = digits(found)
    if not 13 <= len(number) <= 19 or len(set(number)) == 1 or not _CARD_PREFIX.match(number):
        return False
    groups = re.split(r"[-\s]", found)
    regular = len(groups) == 1 or all(3 <= len(group) <= 6 for group in groups)
    return regular and luhn(number) and not _NUMBERED.search(before)


def luhn(number: str) -> bool:
    """Luhn's check: every second digit from the right doubled, sums divisible by ten."""
    total = 0
    for place, character in enumerate(reversed(number)):
        value = int(character) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(found: str, before: str, after: str) -> bool:
    """An IBAN whose remainder modulo 97 is 1."""
    plain = "".join(found.split())
    if not 15 <= len(plain) <= 34:
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


_OPEN_LINE = re.compile(r"フリーダイヤル|コールセンター|ヘルプデスク")


def is_japanese_phone(found: str, before: str, after: str) -> bool:
    """Ten or eleven digits as Japan hands them out, not a part number or a date."""
    if _OPEN_LINE.search(before[-12:]):
        return False
    number = digits(found)
    if number.startswith("81") and "+81" in found:
        number = "0" + number[2:].removeprefix("0")
    if _NUMBERED.search(before) and "-" not in found:
        return False
    wide = number[:3] in ("050", "070", "080", "090") or number.startswith("0800")
    return len(number) == (11 if wide else 10) and number[1] != "0" and len(set(number[3:])) > 1


def looks_secret(found: str, before: str, after: str) -> bool:
    """A value that somebody chose: letters mixed with digits or signs, no word and no mask."""
    if _PLAIN_WORDS.match(found) or len(set(found)) < 4:
        return False
    if re.search(r"^[<\[{$%(]|\.\.\.$|^\W+$|^https?:|文字|桁", found):
        return False
    kinds = sum(bool(re.search(kind, found)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w]"))
    return kinds >= 2 and bool(re.search(r"\d|[!@#$%^&*?]", found))


_WORDS_AND_DIGITS = re.compile(r"(?:[a-z]{2,12}[-_.]){1,4}\d{2,8}|[A-Z]?[a-z]+[!@#$%&*]+\w+")
_ADDRESS = re.compile(
    r"(?i)^(?:https?|www|file|ssh)\b|^[\w.-]+\.(?:com|org|net|jp|io|html?|py|md|txt|pdf|json|csv)\b|(?:/[a-z][a-z0-9_.-]*){2}|^v?\d[\d.]*$|\.\.|^[\w.+-]+@[\w-]+\.\w"
)
_TURN = re.compile("[a-z](?=[A-Z0-9])|[0-9](?=[A-Za-z])")
_MIXED = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile(r"\d"), re.compile(r"[^\w]"))


def is_chosen(found: str, before: str, after: str) -> bool:
    """A value that stands where a password would, without a word that names it.

    Nobody writes it by chance: digits among letters of both cases or among signs, or words strung
    together with digits. Not an address, a version, a file's name.
    """
    found = found.rstrip(".,:")
    if len(found) < 8 or not looks_secret(found, before, after) or _ADDRESS.search(found):
        return False
    if re.fullmatch(r"[0-9a-f]{32,64}", found) or _WORDS_AND_DIGITS.fullmatch(found):
        return True
    kinds = sum(bool(kind.search(found)) for kind in _MIXED)
    digits = sum(map(str.isdigit, found))
    if len(found) >= 20 and kinds >= 3:
        return digits >= 2 or len(_TURN.findall(found)) >= 5
    return kinds >= 3 and digits >= 1 and not re.fullmatch(r"[A-Z][a-z]+\d+", found)


def is_person(found: str, before: str, after: str) -> bool:
    """An English name after a title, and not the title of an office."""
    return not set(found.split()) & _TITLE_WORDS


def is_japanese_name(found: str, before: str, after: str) -> bool:
    """A name that begins with a known surname, or is written in kana with a space."""
    kana = re.fullmatch(r"[ァ-ヶー]{2,6}\s[ァ-ヶー]{2,6}|[ぁ-ん]{2,6}\s[ぁ-ん]{2,6}", found)
    return kana is not None or surname_at_start(found) > 0


@cache
def surnames() -> Mapping[str, frozenset[str]]:
    """Common surnames by their first character."""
    text = files("knowledge.corpus").joinpath("surnames.txt").read_text("utf-8")
    grouped: dict[str, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            for name in line.split():
                grouped.setdefault(name[0], set()).add(name)
    return {first: frozenset(names) for first, names in grouped.items()}


def surname_at_start(text: str) -> int:
    """Length of the longest known surname that `text` begins with; 0 without one."""
    known = surnames().get(text[:1], frozenset())
    return next((n for n in (4, 3, 2, 1) if len(text) >= n and text[:n] in known), 0)


def honoured_names(text: str) -> Iterator[tuple[int, int]]:
    """Places of a known surname, perhaps with a given name, before 様, さん, 氏 …."""
    for honorific in HONORIFICS:
        at = text.find(honorific)
        while at >= 0:
            # 様々 and さまざま are no honorifics.
            start = None if text[at : at + 3] in _VARIOUS else _name_before(text, at)
            if start is not None and text[at : at + 2] != "様々":
                yield start, at + len(honorific)
            at = text.find(honorific, at + 1)


_VARIOUS = ("さまざ",)
_KANJI = re.compile(r"[一-鿿々ヶ]")
_GIVEN = re.compile(r"[一-鿿々ヶぁ-んァ-ヶー]")


def _name_before(text: str, end: int) -> int | None:
    """Where the name that ends at `end` begins; None when there is none.

    The longest stretch that is a surname and maybe a given name of up to three characters, with
    nothing of a longer word before it.
    """
    for length in range(8, 0, -1):
        start = end - length
        if start < 0:
            continue
        candidate = text[start:end]
        surname = surname_at_start(candidate)
        if not surname:
            continue
        rest = candidate[surname:]
        given = rest.lstrip(" \u3000")
        if len(given) > 3 or (rest and not given):
            continue
        if given and not all(map(_GIVEN.match, given)):
            continue
        if start and _KANJI.match(text[start - 1]):
            continue
        return start
    return None


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        is_my_number,
        is_card,
        is_iban,
        is_japanese_phone,
        looks_secret,
        is_chosen,
        is_person,
        is_japanese_name,
    )
}
