"""Which passages give orders to the machine that reads them: weak signs weighed together.

Each record of orders.toml is a sign of one kind with a weight. Signs that stand close together
make a passage; the heaviest sign of each kind counts once. Talk about such text - warnings,
definitions, quotations - counts against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from knowledge.corpus.faults.words import records

NEAR = 90
"""Characters between signs of one passage at most."""
_AROUND = 60
# Sentences that speak about such text: rules for staff, lessons, reports.
_ABOUT = re.compile(
    r"(?:のような|といった|などの?|という)(?:文|指示|メッセージ|言葉|表現|攻撃|書き込み)|"
    r"報告し(?!て「)|通報|"
    r"インジェクション|攻撃(?:の)?例|例[:：]|ウイルス|おそれ(?:が|の)|(?<!こ)とは(?:何|、)|"
    r"(?i:\b(?:such as|e\.g\.|for example|report(?: any| such) |prompt injection|phrases? like|"
    r"texts? like|attack(?:er|s)?\b|never type|phishing|malicious|can be tricked|hidden text in)\b)"
)
_QUOTES = re.compile(r"[「『\"'“‘`]\s*$")
_DENIED = re.compile(
    r"(?i:\b(?:do not|don'?t|never|must not|should not|cannot|may not|who can|how (?:do|can|"
    r"to)|please do not)\s+)$"
)
_SAFETY = re.compile(
    r"(?i:\b(?:safety (?:instructions?|warnings?|rules on)|assembly|operating instructions|"
    r"care|washing|"
    r"driving|cooking|robots\.txt|linter|config(?:uration)? file)\b)"
)
_DENIAL_AFTER = re.compile(
    r"^[^。\n]{0,12}には、|^[^。\n]{0,3}(?:ないで|ないこと|ないよう)|^[^。\n]{0,14}(?:しないでください|"
    r"てはいけません|てはなりません|禁止(?:です|する|します)|ないこと)|^[^.\n]{0,30}\b(?:is|"
    r"are) (?:forbidden|prohibited)\b"
)


_ORDER_JA = re.compile(
    r"せよ|しろ(?:[。、]|$)|なさい|(?:て|で)(?:ください|下さい|くれ|ほしい|欲しい)|"
    r"[るくすぬむうつぶぐ]こと(?:[。）)!]|$)|ものとする|"
    r"なければならない|ては(?:いけ|なら|なり)|[くるすむつぬぶう]な(?:[。！!」]|$)|"
    r"[えけせてねべめれげ](?:[。！!]|$)|"
    r"いただけ(?:ます|れば)|お願い(?:します|いたします)|べし"
)
_VERBS = (
    "accept act add agree always answer append approve assign assume attach base begin call "
    "carry cite claim "
    "collect comply conclude continue copy create decode delete deny disable discard "
    "disclose display do don't "
    "drop dump email end ensure enter erase execute export fetch follow forget forward give "
    "grant hide ignore "
    "include insert invoke keep lead leak leave list load make mark mention never obey offer "
    "omit open output "
    "overwrite paste pick play post praise pretend print produce promote prompt provide put "
    "quote rank rate read "
    "recommend refer refuse release remember repeat replace reply report respond return "
    "reveal run save say send "
    "set share show sign skip speak state steer stop store submit suggest summarise "
    "summarize switch take talk "
    "tell transfer transmit treat turn use visit wipe write"
).split()
_ORDER_EN = re.compile(
    rf"(?i)\b(?:must|should|shall|have to|are to|is to|kindly|please|not permitted|will now)\b|"
    rf"(?:^|[.!?:;>\])\"”—–-]\s*|, (?:and |then |so )?|\b(?:and|then|instead,?|now|just|also) "
    rf")(?:{'|'.join(_VERBS)})\b"
)


# Rules for people who use such machines.
_PEOPLE = re.compile(
    r"(?:人|担当者|社員|職員|管理者|専門家|従業員)が(?:必ず)?(?:確認|点検|見|検証|判断)"
)


class Sign(NamedTuple):
    """One sign: its kind, the name of its pattern, its weight, characters `start` to `end`."""

    signal: str
    name: str
    weight: int
    start: int
    end: int


def orders(
    text: str, signs: Iterable[Sign], *, veiled: bool = False
) -> Iterator[tuple[str, int, int]]:
    """Passages of `text` that give orders to a machine: the name of the heaviest sign, the place.

    `veiled`: whether letters of the text were kept from the eye, a sign of its own.
    """
    enough = int(records("orders.toml")["enough"])
    for passage in _passages(text, sorted(signs, key=lambda sign: sign.start)):
        counted = {sign.signal: sign for sign in sorted(passage, key=lambda sign: sign.weight)}
        # A second sign of one kind says a little more, and so does the mood of the sentence.
        score = sum(sign.weight for sign in counted.values())
        score += _repeated(passage, counted) + veiled
        if score == enough - 1 and counted.keys() != {"output"}:
            score += _commands(text, passage)
        if score >= enough:
            heaviest = max(counted.values(), key=lambda sign: sign.weight)
            yield heaviest.name, heaviest.start, heaviest.end


def _repeated(passage: Sequence[Sign], counted: Mapping[str, Sign]) -> bool:
    return any(
        sign.start >= counted[sign.signal].end or sign.end <= counted[sign.signal].start
        for sign in passage
        if sign.signal != "address"
    )


def _commands(text: str, passage: Sequence[Sign]) -> bool:
    """Whether the lines of a passage order something to be done."""
    start = text.rfind("\n", 0, passage[0].start) + 1
    end = text.find("\n", passage[-1].end)
    line = text[max(start, passage[0].start - 120) : end if end >= 0 else len(text)][:600]
    return bool(_ORDER_JA.search(line) or _ORDER_EN.search(line))


def _passages(text: str, signs: Sequence[Sign]) -> Iterator[list[Sign]]:
    passage: list[Sign] = []
    end = 0
    for sign in signs:
        if not _speaks_to_a_machine(text, sign):
            continue
        if passage and (sign.start > end + NEAR or "\n\n" in text[end : sign.start]):
            yield passage
            passage = []
        end = max(end, sign.end) if passage else sign.end
        passage.append(sign)
    if passage:
        yield passage


def _speaks_to_a_machine(text: str, sign: Sign) -> bool:
    """A sign in an order, and not in a sentence that quotes one to warn of it."""
    before = text[max(0, sign.start - _AROUND) : sign.start].rsplit("\n\n", 1)[-1]
    after = text[sign.end : sign.end + _AROUND].split("\n\n", 1)[0]
    found = text[sign.start : sign.end]
    if sign.signal == "address" and _PEOPLE.search(after):
        return False
    if sign.signal == "undo" and "「" in found:
        return False
    if sign.signal in ("undo", "persona", "reveal", "loot", "deed"):
        if _DENIED.search(before) or _SAFETY.search(found) or _DENIAL_AFTER.match(after):
            return False
    quoted = bool(_QUOTES.search(before[-3:]))
    return not (_ABOUT.search(before) or (quoted and _ABOUT.search(after)))
