"""The values an answer names, by what they measure: money, spans of time, clock times, dates.

13:00 is 1 p.m. and 午後1時, sixty minutes are an hour, free is no money. A number without a known
unit is a count and is compared with the counts of the other answer only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

Values = Mapping[str, frozenset[float]]
"""Kind of measure → the values named, in one unit for each kind."""

_NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
_KANJI_DIGITS = {
    "〇": 0,
    "一": 1,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_KANJI_NUMBER = re.compile(
    r"[一二三四五六七八九十百千]+(?=つ|人|名|回|日|月|年|階|個|台|枚|本|週|か月|ヶ月|カ月|時|"
    r"分|秒|円|万|千円|歳|件|割|度|食|泊|等|番|文字|箱|冊|%)"
)
_EN_WORDS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{
        "nine": 9,
        "ten": 10,
        "eleven": 11,
        "twelve": 12,
        "thirteen": 13,
        "fourteen": 14,
        "fifteen": 15,
    },
    **{"sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30},
    **{
        "forty": 40,
        "fifty": 50,
        "sixty": 60,
        "ninety": 90,
        "hundred": 100,
        "once": 1,
        "twice": 2,
        "single": 1,
    },
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7},
    **{"eighth": 8, "ninth": 9, "tenth": 10},
}
_TENS = re.compile(
    r"\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ](one|two|three|four|five|"
    r"six|seven|eight|nine)\b"
)
_EN_WORD = re.compile(rf"\b(?:{'|'.join(_EN_WORDS)})\b")
# Said in words, the same as in figures.
_SAID = (
    (r"半年", "6か月"),
    (r"半日", "12時間"),
    (r"(\d+)時半", r"\1:30"),
    (r"(\d+)年半", r"\1.5年"),
    (r"一日中|終日|24時間", "24時間"),
    (r"正午", "12:00"),
    (r"半額|半分", "50%"),
    (r"全額", "100%"),
    (
        r"(?:毎月|(?<![0-9一二三四五六七八九十翌]))(?:末日|"
        r"月末)(?:の最終営業日)?",
        "毎月99日",
    ),
    (r"翌月末", "毎月99日"),
    (
        r"\b(?:on |by )?(?:the )?(\d{1,2}(?:st|nd|rd|th)|first day|last (?:working |business "
        r")?day|end) of (?:each|every|the) "
        r"month\b",
        r"monthly \1",
    ),
    (r"毎日", "1日に1回"),
    (r"昼の12時", "12:00"),
    (r"\bhalf an hour\b", "30 minutes"),
    (r"\ban hour and a half\b", "90 minutes"),
    (r"\b(?:an|one) hour\b", "1 hour"),
    (r"\bhalf a year\b", "6 months"),
    (r"\ba (day|week|month|year)\b", r"1 \1"),
    (r"\bfortnight\b", "14 days"),
    (r"\ba dozen\b|\bone dozen\b|\bdozen\b", "12"),
    (r"\bhalf a dozen\b", "6"),
    (r"\bnoon\b", "12:00"),
    (r"\bmidnight\b", "0:00"),
    (r"\ba quarter of\b", "25 percent of"),
    (r"\bhalf (?:of )?the price\b", "50 percent"),
    (r"\bdaily\b", "every day"),
    (r"\bweekly\b", "every week"),
    (r"\bmonthly\b", "every month"),
    (r"\b(?:yearly|annually)\b", "every year"),
    (r"\bpartial\b", ""),
)
_SAID_RE = tuple((re.compile(pattern), said) for pattern, said in _SAID)
_FREE = re.compile(
    r"無料|無償|(?:料金|費用|お金|送料)は?(?:一切)?(?:かかりません|不要|いただ(?:いて|"
    r"き)(?:おり)?ません)|"
    r"\bfree of charge\b|\b(?:is|are|it'?s|for|shipped|provided) free\b|\bfree (?:shipping|"
    r"delivery|parking)\b|"
    r"\bno (?:fee|charge|cost)s?\b|\bat no (?:extra )?cost\b|^\W*free\W*$|^yes, free\b"
)
_SCALES = {
    "千": 1e3,
    "万": 1e4,
    "億": 1e8,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
    "k": 1e3,
}
_MINUTES = {
    **{
        "秒": 1 / 60,
        "分": 1,
        "分間": 1,
        "時間": 60,
        "日": 1440,
        "日間": 1440,
        "営業日": 1440,
        "週": 10080,
        "週間": 10080,
    },
    **{
        "second": 1 / 60,
        "seconds": 1 / 60,
        "minute": 1,
        "minutes": 1,
        "min": 1,
        "mins": 1,
        "hour": 60,
        "hours": 60,
    },
    **{"day": 1440, "days": 1440, "week": 10080, "weeks": 10080},
}
_MONTHS = {
    "か月": 1,
    "ヶ月": 1,
    "カ月": 1,
    "ヵ月": 1,
    "箇月": 1,
    "月間": 1,
    "年": 12,
    "年間": 12,
    "month": 1,
    "months": 1,
    "year": 12,
    "years": 12,
}
_KILO = {
    "g": ("mass", 1e-3),
    "kg": ("mass", 1),
    "kilograms": ("mass", 1),
    "t": ("mass", 1e3),
    "mb": ("data", 1),
    "gb": ("data", 1e3),
    "tb": ("data", 1e6),
    "m": ("length", 1),
    "cm": ("length", 0.01),
    "km": ("length", 1e3),
    "mm": ("length", 1e-3),
}
_MONEY = re.compile(
    rf"(?:([$€£¥])\s?)?{_NUMBER}\s?(千|万|億|thousand|million|billion|k\b)?\s?(円|yen|dollars?|"
    rf"usd|euros?|eur|pounds?|gbp)?"
)
_UNIT = re.compile(
    rf"{_NUMBER}\s?(千|万|億|thousand|million|billion)?[\s-]?"
    r"(営業日|週間|日間|分間|年間|時間|か月|ヶ月|カ月|ヵ月|箇月|秒|分|日|週|年|kilograms|kg|"
    r"km/h|km|cm|mm|mb|gb|tb|"
    r"(?:business |working )?(?:seconds?|minutes?|mins?|hours?|days?|weeks?|months?|years?)\b|"
    r"%|percent|per cent|割|度|階|(?:st|nd|rd|th)? floor|名|人|回|枚|台|個|文字|歳|件|(?:g|t|m)\b)?"
)
_CLOCK = re.compile(
    r"(午前|午後|朝|夜|夕方|深夜)?\s?(\d{1,2})\s?(?:時(?!間)(?:\s?(\d{1,2})分)?|"
    r":(\d{2}))(?!\d)\s?(a\.?m\.?|p\.?m\.?)?|"
    r"\b(\d{1,2})\s?(a\.?m\b\.?|p\.?m\b\.?)|\b(\d{1,2}) (?:o'clock|in the (morning|afternoon|"
    r"evening))"
)
_DATE_JA = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(?:(\d{1,2})日|末(?:日)?)?(?!間)")
_DAYS_IN = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTH_NAMES = (
    "january february march april may june july august september october november december".split()
)
_DATE_EN = re.compile(
    rf"\b({'|'.join(m[:3] + '(?:' + m[3:] + ')?' for m in _MONTH_NAMES)})\.? (\d{{1,2}})(?:st|"
    rf"nd|rd|th)?\b|"
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)? (?:of "
    rf")?({'|'.join(m[:3] + '(?:' + m[3:] + ')?' for m in _MONTH_NAMES)})\b"
)
_DAY_OF_MONTH = re.compile(
    r"毎月(\d{1,2})日|monthly (?:(\d{1,2})(?:st|nd|rd|th)|(first|1|last|end)\b)|\bon the "
    r"(\d{1,2})(?:st|nd|rd|th)\b"
)
_WEEKDAYS_JA = re.compile(r"([月火水木金土日])曜")
_WEEKDAYS_EN = re.compile(r"\b(mon|tues?|wed(?:nes)?|thurs?|fri|satur|sun)days?\b")


def plain_numbers(text: str) -> str:
    """`text` (folded, lower case) with numbers in words and kanji as figures."""
    for pattern, said in _SAID_RE:
        text = pattern.sub(said, text)
    text = _KANJI_NUMBER.sub(lambda match: str(_kanji(match[0])), text)
    text = _TENS.sub(lambda match: str(_tens(match[1]) + _EN_WORDS[match[2]]), text)
    return _EN_WORD.sub(lambda match: str(_EN_WORDS[match[0]]), text)


def _tens(word: str) -> int:
    return {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}.get(
        word, {"seventy": 70, "eighty": 80, "ninety": 90}.get(word, 0)
    )


def _kanji(text: str) -> int:
    total, current = 0, 0
    for character in text:
        if character in _KANJI_DIGITS:
            current = current * 10 + _KANJI_DIGITS[character]
        else:
            total += max(current, 1) * {"十": 10, "百": 100, "千": 1000}[character]
            current = 0
    return total + current


def values(text: str) -> Values:
    """The values in a text that went through `plain_numbers`."""
    found: dict[str, set[float]] = defaultdict(set)
    if _FREE.search(text):
        found["money"].add(0.0)
    text = _FREE.sub(" ", text)
    text = _taken(_DAY_OF_MONTH, text, lambda m: _day_of_month(m, found))
    text = _taken(_DATE_JA, text, lambda m: _date_ja(m, found))
    text = _taken(_DATE_EN, text, lambda m: _date_en(m, found))
    text = _taken(_CLOCK, text, lambda m: _clock(m, found))
    for pattern in (_WEEKDAYS_JA, _WEEKDAYS_EN):
        for match in pattern.finditer(text):
            name = match[1]
            day = "月火水木金土日".find(name) if len(name) == 1 else "mtwhfau".find(_letter(name))
            found["weekday"].add(float(day))
    text = _taken(_MONEY, text, lambda m: _money(m, found))
    for match in _UNIT.finditer(text):
        _measure(match, found)
    return {kind: frozenset(those) for kind, those in found.items()}


def _letter(name: str) -> str:
    return {"thu": "h", "sat": "a", "sun": "u"}.get(name[:3], name[0])


def _taken(pattern: re.Pattern[str], text: str, take: Callable[[re.Match[str]], bool]) -> str:
    return pattern.sub(lambda match: " " if take(match) else match[0], text)


def _day_of_month(match: re.Match[str], found: dict[str, set[float]]) -> bool:
    named = match[1] or match[2] or match[4]
    found["day of month"].add(
        float(named) if named else (99.0 if match[3] in ("last", "end") else 1.0)
    )
    return True


def _date_ja(match: re.Match[str], found: dict[str, set[float]]) -> bool:
    month = int(match[2])
    if not 1 <= month <= 12:
        return False
    day = int(match[3]) if match[3] else (_DAYS_IN[month - 1] if "末" in match[0] else 0)
    found["date" if day else "month"].add(month * 100.0 + day)
    if match[1]:
        found["year"].add(float(match[1]))
    return True


def _date_en(match: re.Match[str], found: dict[str, set[float]]) -> bool:
    name, day = (match[1], match[2]) if match[1] else (match[4], match[3])
    month = next(i for i, m in enumerate(_MONTH_NAMES, 1) if m.startswith(name[:3]))
    found["date"].add(month * 100.0 + int(day))
    return True


def _clock(match: re.Match[str], found: dict[str, set[float]]) -> bool:
    hour = int(match[2] or match[6] or match[8])
    minute = int(match[3] or match[4] or 0)
    half = match[1] or match[5] or match[7] or match[9] or ""
    late = (
        half in ("午後", "夜", "夕方") or half.startswith("p") or half in ("afternoon", "evening")
    )
    if late and hour < 12:
        hour += 12
    if half.startswith("a") and hour == 12:
        hour = 0
    found["clock"].add(hour * 60.0 + minute)
    return True


def _money(match: re.Match[str], found: dict[str, set[float]]) -> bool:
    if not (match[1] or match[4]):
        return False
    found["money"].add(float(match[2].replace(",", "") or 0) * _SCALES.get(match[3] or "", 1.0))
    return True


def _measure(match: re.Match[str], found: dict[str, set[float]]) -> None:
    value = float(match[1].replace(",", "") or 0) * _SCALES.get(match[2] or "", 1.0)
    unit = (match[3] or "").removeprefix("business ").removeprefix("working ")
    if unit in _MINUTES:
        found["span"].add(round(value * _MINUTES[unit], 4))
    elif unit in _MONTHS:
        if unit == "年" and value > 1000:
            found["year"].add(value)
        else:
            found["months"].add(value * _MONTHS[unit])
    elif unit in _KILO:
        kind, factor = _KILO[unit]
        found[kind].add(round(value * factor, 6))
    elif unit in ("%", "percent", "per cent"):
        found["share"].add(value)
    elif unit == "割":
        found["share"].add(value * 10)
    else:
        found["count"].add(value)


def differ(one: Values, other: Values) -> bool:
    """Whether two answers name different values of one kind."""
    a, b = dict(one), dict(other)
    if "span" in a and "months" in b and "months" not in a and "span" not in b:
        return not _spans_agree(a["span"], b["months"])
    if "span" in b and "months" in a and "months" not in b and "span" not in a:
        return not _spans_agree(b["span"], a["months"])
    for kind in a.keys() & b.keys():
        mine, theirs = a[kind], b[kind]
        if not (mine <= theirs or theirs <= mine):
            return True
    return False


def _spans_agree(minutes: frozenset[float], months: frozenset[float]) -> bool:
    """A month has 28 to 31 days."""
    return any(28 * m <= span / 1440 <= 31 * m + 1 for span in minutes for m in months)
