"""Whether two answers to one question contradict each other, or only say it in other words.

Answers built alike are compared piece by piece: another number, name or thing, a denial put in.
Answers in other words are compared by the values they name and by whether they allow or deny; only
short ones that share nothing are taken to name different things.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from knowledge.corpus.amounts import Values, differ, plain_numbers, values
from knowledge.corpus.sameness import canonical

_NO = re.compile(
    r"(?<!構い)(?<!かまい)ません|(?<=[されきけかわ])ず(?=[、。に])|(?<![す少])ない(?!ように|"
    r"よう|方)|なく(?!て(?:は|も)なら)|なし|無し|不可|不要|禁止|禁煙|厳禁|お断り|断って|遠慮|"
    r"控えて|"
    r"対象外|無効|いいえ|廃止|認めて(?:おり|い)ま?せん|限ります?|"
    r"\b(?:no|not|never|none|cannot|nobody|without|neither|nor|prohibited|forbidden|banned|unable|"
    r"unavailable|invalid|refused?|declined?|excluded|rejected|n/a|only)\b|n't\b|\bnon-\w+"
)
_HARD_NO = re.compile(_NO.pattern.replace("|限ります?", "").replace("|only)", ")"))
_DOUBLED = re.compile(
    r"なければな(?:りません|らない)|ないといけ(?:ません|ない)|なくてはな(?:りません|らない)|"
    r"必要があります|かもしれません|しか(?:でき|あり)ません|"
    r"に限りません|\bnot only\b|\bno later than\b|\bno more than\b|\bno less than\b|\bif not\b"
)
_YES = re.compile(
    r"(?:でき|取れ|使え|払え|飼え|持ち込め|受けられ|変えられ|もらえ|られ|え)ます|可能|"
    r"構いません|かまいません|よい|あります|必要|認め(?:られ|てい)|許可|対応してい|"
    r"\b(?:yes|can|may|allowed|possible|available|welcome|permitted|included|accepted|covered|"
    r"required|must|mandatory|has to|have to|sold|welcome)\b|^はい"
)
_OPPOSITES = (
    *(
        ("当社", "お客様"),
        ("会社", "各自"),
        ("会社", "自己"),
        ("貸主", "借主"),
        ("売主", "買主"),
        ("有料", "無料"),
        ("必須", "任意"),
        ("義務", "任意"),
        ("許可", "禁止"),
        ("必要", "不要"),
        ("前払い", "後払い"),
    ),
    *(
        ("事前", "事後"),
        ("含む", "含まない"),
        ("自動", "手動"),
        ("必ず", "任意"),
        ("屋内", "屋外"),
        ("公開", "非公開"),
    ),
    *(
        ("paid", "unpaid"),
        ("paid", "free"),
        ("required", "optional"),
        ("mandatory", "optional"),
        ("must", "optional"),
    ),
    *(
        ("allowed", "forbidden"),
        ("allowed", "prohibited"),
        ("included", "excluded"),
        ("open", "closed"),
    ),
    *(
        ("before", "after"),
        ("indoor", "outdoor"),
        ("automatic", "manual"),
        ("public", "private"),
        ("internal", "external"),
    ),
    *(
        ("refundable", "non-refundable"),
        ("encrypted", "plain text"),
        ("offline", "internet connection"),
        ("free", "costs"),
    ),
    *(
        ("in-house", "outside"),
        ("optional", "must"),
        ("full-time", "part-time"),
        ("increase", "decrease"),
    ),
    *(
        ("welcome", "forbidden"),
        ("approved", "denied"),
        ("accepted", "rejected"),
        ("opened", "sealed"),
    ),
)
_MEANS_THE_SAME = tuple(
    frozenset(group.split("|"))
    for group in (
        "required|mandatory|compulsory|necessary|needed|obligatory|must",
        "forbidden|prohibited|banned",
        "can|may|able",
        "allowed|permitted",
        "撮影|写真",
        "申請|届出|届け出",
        "費用|料金|代金",
    )
)
_YES_NO = re.compile(r"^(?:(yes|はい|可|○|true)|(no|いいえ|不可|×|false))(?![a-z])")
_CONTENT = re.compile(r"[a-z]+|[一-鿿々ァ-ヶー]+")
_EMPTY = frozenset(
    "the a an is are was be it its they you your we our to of for in on at by and or with from as "
    "this that can may will should must please there has have not no yes do does did if only "
    "also any "
    "when while st nd rd th i me my he she his her their them one".split()
)
_FILL = re.compile(
    r"毎週|毎月|所属|連絡|提出|お願い|場合|当社|弊社|方法|窓口|可能|必要|利用|以内|以上|以下|"
    r"最大|以降"
)
SHORT, SHORT_LATIN = 18, 60
"""Characters up to which an answer is one thing, so that another thing is another answer."""
MIDDLE_LATIN = 140
"""English says a thing in more letters, and says it again with at least one of the same words."""
FEW = 0.35
"""Share of their words that two longer answers have in common by being about one question."""
ALIKE = 0.5
"""Share of pieces in common from which two answers are built alike."""


def clash(a: str, b: str) -> bool:
    """Whether the answers `a` and `b` to the same question cannot both be right."""
    one, other = _plain(a), _plain(b)
    mine, theirs = values(one), values(other)
    if differ(mine, theirs):
        return True
    if _opposite(one, other):
        return True
    if any(mine[kind] == theirs[kind] == {0.0} for kind in mine.keys() & theirs.keys()):
        return False
    if _built_alike(one, other):
        if _denies(one) != _denies(other):
            return True
        if (changed := _one_thing_changed(one, other, other_values=mine != theirs)) is not None:
            return changed
    stances = _stance(one), _stance(other)
    if None not in stances and stances[0] != stances[1]:
        return True
    if None not in stances and _says_yes_or_no(one, other):
        return False
    return _other_thing(a, b, one, other, mine, theirs)


def conflict(a: str, b: str) -> bool:
    """Whether two answers conflict by what can be told of any: other values, a yes and a no."""
    one, other = _plain(a), _plain(b)
    if differ(values(one), values(other)) or _opposite(one, other):
        return True
    stances = _stance(one), _stance(other)
    return None not in stances and stances[0] != stances[1]


def amounts(text: str) -> Values:
    """The values that an answer names."""
    return values(_plain(text))


def _plain(text: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().replace("’", "'").split())
    return plain_numbers(plain)


def _denies(text: str) -> bool:
    """Whether a text denies an odd number of times; two denials that make a duty do not."""
    return len(_HARD_NO.findall(_DOUBLED.sub("", text))) % 2 == 1


def _stance(text: str) -> bool | None:
    """Whether an answer allows or affirms; None when it does neither."""
    if match := _YES_NO.match(text):
        return bool(match[1])
    first = re.split(r"[。;!]|\.\s", text, maxsplit=1)[0]
    plain = _DOUBLED.sub("必要", first)
    if (
        not plain.isascii()
        and (end := plain.rstrip("。!")[-8:])
        and not _HARD_NO.search(end)
        and _YES.search(end)
    ):
        return True
    if _HARD_NO.search(plain):
        return False
    return True if _YES.search(plain) or _is_affirmed(plain) else None


def _is_affirmed(text: str) -> bool:
    return bool(re.search(r"(?:ます|て(?:ください|います))$", text))


def _says_yes_or_no(one: str, other: str) -> bool:
    """Whether both answers, or the shorter of them, are no more than a yes or a no."""
    return any(
        _YES_NO.match(text) or _HARD_NO.search(_DOUBLED.sub("", text)) for text in (one, other)
    ) or all(len(text) <= SHORT and _YES.search(text) for text in (one, other))


def _opposite(one: str, other: str) -> bool:
    """Whether one says a word and the other, in its place, the opposite."""
    for a, b in _OPPOSITES:
        said = [(_says(text, a), _says(text, b)) for text in (one, other)]
        if sorted(said) == [(False, True), (True, False)]:
            # "必要ありません" is no other than "不要".
            return _denies(one) == _denies(other) or b in ("不要", "禁止")
    return False


def _says(text: str, word: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){word}\b", text)) if word.isascii() else word in text


def _other_thing(a: str, b: str, one: str, other: str, mine: Values, theirs: Values) -> bool:
    """Whether two short answers name things that have nothing in common."""
    latin = one.isascii() and other.isascii()
    if max(len(canonical(a)), len(canonical(b))) > (MIDDLE_LATIN if latin else SHORT):
        return False
    if any(mine[kind] & theirs[kind] for kind in mine.keys() & theirs.keys()):
        return False
    things, others = _things(one), _things(other)
    if not things or not others:
        return False
    shared = sum(_common({thing}, others) for thing in things)
    few = min(len(things), len(others))
    return (
        shared < FEW * few
        if latin and few >= 3 and shared
        else not shared and not _common(things, others)
    )


def _common(one: set[str], other: set[str]) -> bool:
    for a in one:
        for b in other:
            short, long = sorted((a, b), key=len)
            if a == b or (len(short) >= 2 and not short.isascii() and short in long):
                return True
            if a.isascii() and b.isascii() and len(short) >= 4 and long.startswith(short[:-1]):
                return True
            if any(a in group and b in group for group in _MEANS_THE_SAME):
                return True
    return _initials(one, other) or _initials(other, one)


def _initials(short: set[str], long: set[str]) -> bool:
    return any(
        2 <= len(word) <= 4
        and word.isascii()
        and len(long & set(long)) >= len(word)
        and set(word) <= {other[0] for other in long}
        for word in short
    )


def _things(text: str) -> set[str]:
    return {
        word
        for word in _CONTENT.findall(_FILL.sub(" ", text))
        if word not in _EMPTY and word not in ("日", "月", "時", "分", "円")
    }


def _built_alike(one: str, other: str) -> bool:
    a, b = _pieces(one), _pieces(other)
    if min(len(a), len(b)) < 2:
        return False
    return SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE


def _figures(pieces: list[str]) -> list[str]:
    return [piece for piece in pieces if piece[0].isdigit()]


def _one_thing_changed(one: str, other: str, *, other_values: bool) -> bool | None:
    """Whether two sentences built alike name another thing at the same place.

    None when only words of grammar are alike.
    """
    a, b = _pieces(one), _pieces(other)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    kept = [
        piece
        for block in matcher.get_matching_blocks()
        for piece in a[block.a : block.a + block.size]
    ]
    if not any(map(_is_thing, kept)):
        return None
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "replace":
            continue
        old = {piece for piece in a[i1:i2] if _is_thing(piece)}
        new = {piece for piece in b[j1:j2] if _is_thing(piece)}
        if (
            other_values
            and _figures(a[i1:i2])
            and _figures(b[j1:j2])
            and _figures(a[i1:i2]) != _figures(b[j1:j2])
        ):
            return True
        if old and new and len(old) <= 3 and len(new) <= 3 and not _common(old, new):
            return True
    return False


def _pieces(text: str) -> list[str]:
    return re.findall(r"[a-z']+|[一-鿿々]+|[ァ-ヶー]+|[ぁ-ゟ]+|\d[\d,.]*", text)


def _is_thing(piece: str) -> bool:
    return bool(_CONTENT.fullmatch(piece)) and piece not in _EMPTY
