"""Whether two texts say the same in other clothes: width, spaces, politeness, spelling, one typo.

Not the same, however alike they look: another number, another name or thing, a negation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

_NOT_SAID = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_LATIN_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?|\d+|[^\sa-z\d]")
# Said before or after a Japanese question out of politeness; they change nothing of it.
_POLITE = re.compile(
    r"^(?:(?:すみません|すいません|恐れ入ります|恐縮です|お世話になっております|お世話になります|"
    r"お忙しいところ|失礼します|失礼いたします|お手数です|お手数をおかけします|はじめまして|あの|ええと|えっと|"
    r"ちょっと|こんにちは|お疲れ様です|質問です|確認です|教えてください|お尋ねします|念のため)"
    r"(?:が|けど|けれど|けれども|申し訳ありませんが|ですが|ますが|して)?[、。,.!！\s]*)+"
)
_ENDING = re.compile(
    r"(?:について|に関して|を|か)?(?:教えて(?:ください|下さい|いただけ(?:ますか|ませんか|ないでしょうか)|もらえ(?:ますか|ませんか)|ほしい(?:です)?)?|"
    r"知りたい(?:です|のですが)?|お(?:知らせ|教え|聞かせ)(?:ください|下さい|願います)|"
    r"お願い(?:します|いたします|致します)|よろしく(?:お願いします)?|願います)$"
)
_QUESTION_ENDING = re.compile(
    r"(?:の(?:です|でしょう)?か|(?:です|でしょう|ます|ましょう|だろう)か(?:ね)?|か|の|です|ます|でしょう|だ|である|ね|よ)$"
)
# Words that Japanese writes in kanji or in kana, as the writer likes.
_KANA = {
    **{
        "下さい": "ください",
        "頂": "いただ",
        "致し": "いたし",
        "出来": "でき",
        "宜しく": "よろしく",
    },
    **{"有難": "ありがと", "何処": "どこ", "何時": "いつ", "如何": "いかが", "何故": "なぜ"},
    **{"為に": "ために", "為の": "ための", "事は": "ことは", "事が": "ことが", "事を": "ことを"},
    **{"事も": "ことも", "する事": "すること", "した事": "したこと", "の事": "のこと"},
    **{
        "及び": "および",
        "又は": "または",
        "若しくは": "もしくは",
        "並びに": "ならびに",
        "但し": "ただし",
    },
    **{"既に": "すでに", "予め": "あらかじめ", "直ぐ": "すぐ", "全て": "すべて", "更に": "さらに"},
    **{
        "無い": "ない",
        "無く": "なく",
        "無し": "なし",
        "有る": "ある",
        "有り": "あり",
        "居る": "いる",
    },
    **{"言う": "いう", "言った": "いった", "行う": "おこなう", "行な": "おこな", "貰": "もら"},
    **{"分か": "わか", "判": "わか", "解り": "わかり", "解ら": "わから", "沢山": "たくさん"},
    **{
        "殆ど": "ほとんど",
        "概ね": "おおむね",
        "毎に": "ごとに",
        "等は": "などは",
        "等の": "などの",
    },
    **{
        "等を": "などを",
        "等が": "などが",
        "迄": "まで",
        "程": "ほど",
        "位": "くらい",
        "ぐらい": "くらい",
    },
    **{"時に": "ときに", "時は": "ときは", "場合は": "ばあいは", "御": "ご", "良い": "よい"},
    **{"子供": "子ども", "友達": "友だち", "様々": "さまざま", "色々": "いろいろ", "いい": "よい"},
    **{"欲しい": "ほしい", "是非": "ぜひ", "尚": "なお", "或いは": "あるいは"},
    # Verbs turned nouns are written with and without their kana.
    **{"問合せ": "問い合わせ", "問合わせ": "問い合わせ", "申込み": "申し込み", "申込": "申し込み"},
    **{
        "手続き": "手続き",
        "手続": "手続き",
        "取扱い": "取り扱い",
        "取扱": "取り扱い",
        "受付け": "受付",
    },
    **{"引越し": "引っ越し", "引越": "引っ越し", "見積もり": "見積もり", "見積り": "見積もり"},
    **{"見積": "見積もり", "打合せ": "打ち合わせ", "切替え": "切り替え", "切替": "切り替え"},
    **{"支払い": "支払い", "支払": "支払い", "振込み": "振り込み", "振込": "振り込み"},
    **{"売上げ": "売り上げ", "売上": "売り上げ", "締切り": "締め切り", "締切": "締め切り"},
    # A long vowel at a word's end is dropped or kept.
    **{"ユーザー": "ユーザ", "サーバー": "サーバ", "フォルダー": "フォルダ", "センター": "センタ"},
    **{"コンピューター": "コンピュータ", "プリンター": "プリンタ", "ブラウザー": "ブラウザ"},
}
_KANA_WORDS = re.compile("|".join(sorted(map(re.escape, _KANA), key=len, reverse=True)))
_NEGATION = re.compile(
    r"ない|なく|なし|ませ|ず(?!つ)|ぬ|不|非|未|無|禁|否|\b(?:not|no|never|none|without|cannot|non)\b|n['’]?t\b"
)
_CONTENT = re.compile(r"[一-鿿々〆ァ-ヶ]")
_EMPTY_WORDS = frozenset(
    "a an the please kindly could can would you tell me us i we to do does did is are was be of "
    "for in on at my our your his her their it this that hi hello hey dear thanks thank and or so "
    "just what's what whats how's hows i'm im i'd id know want need like also really actually ok "
    "well sir madam team there".split()
)
_MOST_CHANGED = 0.45


@lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str:
    """`text` without width, case, punctuation, politeness and choice of script."""
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    plain = _POLITE.sub("", plain)
    said = _NOT_SAID.sub("", plain) or "".join(plain.split())
    said = _KANA_WORDS.sub(lambda match: _KANA[match[0]], said)
    for ending in (_ENDING, _QUESTION_ENDING):
        shorter = ending.sub("", said)
        said = shorter if len(shorter) >= 3 else said
    return said


def numbers(text: str) -> list[str]:
    """The numbers in `text`, in the order of their size as strings, however written."""
    return sorted(_DIGITS.findall(unicodedata.normalize("NFKC", text)))


def says_the_same(a: str, b: str) -> bool:
    """Whether `a` and `b` differ only in form."""
    if a == b:
        return True
    if numbers(a) != numbers(b):
        return False
    one, other = canonical(a), canonical(b)
    if one == other:
        return True
    if _is_latin(one) and _is_latin(other):
        return _same_words(a, b)
    return _same_characters(one, other)


def _is_latin(said: str) -> bool:
    return sum(c < "\u0250" for c in said) > 0.8 * len(said)


def _same_characters(one: str, other: str) -> bool:
    """Japanese: what changed is kana of grammar, or one mistyped character."""
    size = max(len(one), len(other))
    if abs(len(one) - len(other)) > max(6, _MOST_CHANGED * size):
        return False
    changed, typos = 0, 0
    for old, new in _changes(one, other):
        if bool(_NEGATION.search(old)) is not bool(_NEGATION.search(new)):
            return False
        changed += max(len(old), len(new))
        content = bool(_CONTENT.search(old) or _CONTENT.search(new) or _words(old) or _words(new))
        if content:
            typos += 1
            if not _typo(old, new):
                return False
    return typos <= 1 and changed <= max(2, _MOST_CHANGED * size)


def _changes(one: Sequence[str], other: Sequence[str]) -> list[tuple[str, str]]:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    join = "" if isinstance(one, str) else " "
    return [
        (join.join(one[i1:i2]), join.join(other[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


def _words(text: str) -> bool:
    return bool(re.search(r"[a-z]", text))


def _typo(old: str, new: str) -> bool:
    """One character more, one fewer, or one kana or Latin letter for another.

    Never a kanji for a kanji, which makes another word.
    """
    if not old or not new:
        return max(len(old), len(new)) == 1
    return len(old) == len(new) == 1 and not ("一" <= old <= "鿿" and "一" <= new <= "鿿")


def _same_words(a: str, b: str) -> bool:
    """English: what changed is words of politeness and grammar, or one mistyped word."""
    one, other = _said_words(a), _said_words(b)
    typos = 0
    for old, new in _changes(one, other):
        before = [w for w in old.split() if w not in _EMPTY_WORDS]
        after = [w for w in new.split() if w not in _EMPTY_WORDS]
        if bool(_NEGATION.search(old)) is not bool(_NEGATION.search(new)):
            return False
        if not before and not after:
            continue
        joined, apart = "".join(before), "".join(after)
        if joined == apart:
            continue
        typos += 1
        if len(before) != len(after) or not _close(joined, apart):
            return False
    return typos <= 1 and bool(set(one) - _EMPTY_WORDS)


def _said_words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    plain = plain.replace("cannot", "can not").replace("can't", "can not").replace("n't", " not")
    return [word for word in _LATIN_WORD.findall(plain) if word[0].isalnum()]


def _close(a: str, b: str) -> bool:
    """Words of four letters or more that differ by one letter, or by two that changed places."""
    if min(len(a), len(b)) < 4 or abs(len(a) - len(b)) > 1 or a[0] != b[0]:
        return False
    if len(a) == len(b):
        differ = [i for i in range(len(a)) if a[i] != b[i]]
        if len(differ) == 2 and differ[1] == differ[0] + 1:
            return a[differ[0]] == b[differ[1]] and a[differ[1]] == b[differ[0]]
        return len(differ) == 1
    short, long = sorted((a, b), key=len)
    return any(long[:i] + long[i + 1 :] == short for i in range(len(long)))
