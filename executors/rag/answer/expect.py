"""What form the answer to a question takes: a date, a sum of money, a number of something."""

from __future__ import annotations

import functools
import re
import unicodedata

_NUMBER = r"(?:[0-9][0-9,.]*|[一二三四五六七八九十百千万]+|数)"
_MONTHS = r"(?:か月|ヶ月|カ月|ケ月|箇月|月間)"
_DURATION = rf"{_NUMBER}(?:日|営業日|週間?|{_MONTHS}|年|時間|分|秒|泊)|半年|当日|翌日"
_DATE = (
    rf"{_NUMBER}(?:月|日|時|年度?|分)|[月火水木金土日]曜|毎[月年週日]|月末|年末|翌[月日年]|当日|即日"
    r"|[0-9]{1,2}[:：][0-9]{2}|まで|以内|前日"
)
_MONEY = r"[0-9][0-9,.]*(?:万|千|億)?円|[¥￥$€][0-9]|無料|有料|実費|無給|都度"
_RATE = rf"{_NUMBER}(?:%|割|倍|分の|パーセント|ポイント)|半額|全額"
_PEOPLE = r"課|部|室|係|長|担当|者|センター|窓口|委員|社員|役員|さん|氏"
_REASON = r"ため|から|ので|により|目的|理由"
_ENGLISH_NUMBER = (
    r"(?:\d[\d,.]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve|once|twice)"
)

_SAME_UNIT = (
    ("日", "営業日", "日間"),
    ("か月", "ヶ月", "カ月", "ケ月", "箇月", "月"),
    ("時間", "分"),
    ("人", "名"),
    ("%", "パーセント", "割", "倍"),
    ("歳", "才"),
    ("週間", "週"),
    ("回", "度"),
    ("個", "点", "枚", "台", "本"),
)
_JAPANESE: tuple[tuple[str, str], ...] = (
    (r"何曜日?", r"[月火水木金土日]曜"),
    (r"いくら|金額|料金|値段|何円|費用は|額は|価格", _MONEY),
    (r"いつ|何日前|期限|締め?切り|日付|何時|何月", _DATE),
    (
        r"どれ(?:くらい|ぐらい|ほど)|どの(?:くらい|ぐらい|程度)|期間は|最長|最短|何日|何年",
        _DURATION,
    ),
    (r"割合|率は|何割|何倍|何%|何パーセント", _RATE),
    (r"誰|だれ|どなた|どの部署|何課|連絡先|問い合わせ先|担当", _PEOPLE),
    (r"なぜ|どうして|理由", _REASON),
)
_ENGLISH: tuple[tuple[str, str], ...] = (
    (
        r"how much|what.{0,20}(?:cost|price|fee|amount|rate)\b",
        r"[$¥€£]\s?\d|\d[\d,.]*\s*(?:yen|%|percent)|free|\d",
    ),
    (r"how many", _ENGLISH_NUMBER),
    (
        r"how long|how soon|within how",
        rf"{_ENGLISH_NUMBER}[\s-]*(?:business |working |calendar )?"
        r"(?:day|week|month|year|hour|minute|second)",
    ),
    (
        r"\bwhen\b|what time|what date|which day|by what|deadline|until when",
        r"\d{1,2}[:.]\d{2}|\d\s*(?:a\.?m|p\.?m)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february"
        r"|march|april|\bmay\b|june|july|august|september|october|november|december|\d(?:st|nd|rd|th)\b"
        r"|within|before|after|every",
    ),
    (
        r"\bwho(?:m|se)?\b",
        r"manager|team|department|section|officer|director|staff|office|desk|lead",
    ),
    (r"\bwhy\b", r"because|so that|in order|since|due to|reason|therefore"),
    (
        r"how often|how frequently",
        rf"every|each|{_ENGLISH_NUMBER}|daily|weekly|monthly|annual|year",
    ),
    (r"percent|what share|what rate", r"\d[\d.]*\s*(?:%|percent)"),
)
_COUNTED = re.compile(
    r"何(営業日|日間|日|週間|週|か月|ヶ月|カ月|ケ月|年間|年|時間|分|秒|回|度|人|名|歳|才|円|%|割|倍|個|枚"
    r"|台|本|点|件|社|階|号|番|泊|km|kg|m|g|ページ|文字|桁|種類|つ|箱|冊|席|品目|項目)"
)


@functools.cache
def expected(question: str) -> tuple[re.Pattern[str], ...]:
    """One pattern per thing asked for that has a form of its own; none for open questions."""
    text = unicodedata.normalize("NFKC", question).lower()
    found: dict[str, None] = {}
    for unit in _COUNTED.findall(text):
        found.setdefault(rf"{_NUMBER}\s*(?:{'|'.join(map(re.escape, _like(unit)))})")
    counted = bool(found)
    for asks, form in _JAPANESE:
        if re.search(asks, text) and not (counted and form in (_DURATION, _DATE, _RATE)):
            found.setdefault(form)
    for asks, form in _ENGLISH:
        if re.search(asks, text):
            found.setdefault(form)
    return tuple(re.compile(form) for form in found)


def fulfilled(forms: tuple[re.Pattern[str], ...], answer: str) -> float:
    """Share of the expected forms that the answer shows; 0.5 when none is expected."""
    if not forms:
        return 0.5
    text = unicodedata.normalize("NFKC", answer).lower()
    return sum(bool(form.search(text)) for form in forms) / len(forms)


def _like(unit: str) -> tuple[str, ...]:
    base = unit.removesuffix("間") if unit in ("日間", "年間") else unit
    return next((group for group in _SAME_UNIT if base in group), (base, unit))
