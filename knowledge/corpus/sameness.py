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
# Said before or after a question out of politeness; it changes nothing of the question.
_BEFORE = re.compile(
    r"^(?:(?:[【\[(](?:質問|至急|確認|お尋ね|q|question|urgent)[】\])])|"
    r"(?:至急|急ぎ)(?:です|で|なのですが|で申し訳ありません)?|"
    r"(?:すみません|すいません|恐れ入ります|恐縮です|お世話になっております|お世話になります|"
    r"お忙しいところ|失礼します|失礼いたします|お手数です|お手数をおかけします|はじめまして|"
    r"初めまして|初めて質問(?:します|いたします)|あのう?|ええと|えっと|ちょっと|こんにちは|"
    r"こんばんは|おはようございます|お疲れ様です|質問です|質問があります|確認です|教えてください|"
    r"教えて下さい|お尋ねします|お伺いします|念のため|初歩的な質問です|新人です|よろしければ|"
    r"可能でしたら|できれば|もし可能なら)"
    r"(?:が|けど|けれど|けれども|申し訳(?:あり|ござい)ませんが|ですが|ますが|して|恐縮ですが)?|"
    r"(?:hi|hello|hey|dear (?:team|all|sir|madam)|good (?:morning|afternoon|evening|day)|"
    r"quick question|question|sorry(?: to (?:bother|disturb) you)?|excuse me|i'?m new(?: here)?|"
    r"just wondering|i was wondering|one (?:more )?question|please|pls|kindly|"
    r"(?:could|can) you (?:please )?(?:tell me|explain|help me with)|may i ask|can i ask|"
    r"i'?d like to know|i would like to know|thanks in advance|urgent)"
    r"(?: there| all| team| everyone)?(?![a-z]))[、。,.!！?？:：;\-–\s]*"
)
_AFTER = re.compile(
    r"[、。,.!！?？\s]*(?:(?:ご?(?:回答|返信|返答|教示|確認|対応)(?:を|の(?:ほど|程))?)?(?:どうぞ)?"
    r"(?:よろしく|宜しく)?(?:お?願い(?:します|いたします|致します|申し上げます)|願います|お願い)|"
    r"(?:よろしく|宜しく)(?:です|どうぞ)?|ありがとうございます|助かります|"
    r"(?:について|に関して|を|か)?(?:教えて|おしえて)(?:ください|下さい|"
    r"いただけ(?:ますか|ませんか|ないでしょうか)|もらえ(?:ますか|ませんか)|ほしい(?:です)?|欲しい(?:です)?)?|(?:か)?知りたい(?:です|のですが)?|"
    r"お(?:知らせ|教え|聞かせ)(?:ください|下さい|願います)|"
    r"(?:many |kind )?(?:thanks|thank you|thx|ty|cheers)(?: (?:very|so) much)?"
    r"(?: in advance| a lot)?|please(?: help| advise)?|pls|"
    r"help(?: please)?|kind regards|best regards)[、。,.!！?？\s]*$"
)
_QUESTION_ENDING = re.compile(
    r"(?:の(?:です|でしょう)?か|(?:です|でしょう|ます|ましょう|だろう)か(?:ね)?|"
    r"か|の|です|ます|でしょう|だ|である|ね|よ)$"
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
_DENIAL = re.compile(
    r"(?<!す[みい])ません(?!か)|ない(?!でしょうか|ですか|かな)|なく(?=て|、)|なし|不可|不要|禁止|"
    r"\b(?:not|no|never|none|without|cannot|neither|nor)\b|n't\b"
)
_CONTENT = re.compile(r"[一-鿿々〆ァ-ヶ]")
_EMPTY_WORDS = frozenset(
    "a an the please kindly could can would you tell me us i we to do does did is are was be of "
    "for in on at my our your his her their it this that hi hello hey dear thanks thank and or so "
    "just what's what whats how's hows i'm im i'd id know want need like also really actually ok "
    "well sir madam team there during".split()
)
_FRAME = _EMPTY_WORDS | frozenset("possible able should may how".split())
_CONTRACTED = re.compile(r"\b(what|when|where|who|how)'s\b")
_MOST_CHANGED = 0.45
_CLAUSE = re.compile(r"[。、!?:;()「」\n–—]|[,.](?= )|\bbut\b")
_TELLING = 8
"""Characters of a text from which one word in kana is the same word as one in kanji."""
_LEAST_FRAMED = 16
"""Letters, or twice the characters of Japanese, that a text must have to be known in another."""
# One word in kanji or in kana: 必要 and ひつよう.
_KANJI = re.compile(r"[一-鿿々]{1,3}")
_HIRAGANA = re.compile(r"[ぁ-ゟ]{2,6}")


@lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str:
    """`text` without width, case, punctuation, politeness and choice of script."""
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    plain = _bare(plain)
    said = _NOT_SAID.sub("", plain) or "".join(plain.split())
    said = _KANA_WORDS.sub(lambda match: _KANA[match[0]], said)
    shorter = _QUESTION_ENDING.sub("", said)
    return shorter if len(shorter) >= 3 else said


def _bare(plain: str) -> str:
    """A text in lower case without greetings, thanks and pleas on either side."""
    while True:
        shorter = _AFTER.sub("", _BEFORE.sub("", plain))
        if shorter == plain or len(_NOT_SAID.sub("", shorter)) < 3:
            return plain
        plain = shorter


def numbers(text: str) -> list[str]:
    """The numbers in `text`, in the order of their size as strings, however written."""
    return sorted(_DIGITS.findall(unicodedata.normalize("NFKC", text)))


def says_the_same(a: str, b: str) -> bool:
    """Whether `a` and `b` differ only in form."""
    if a == b:
        return True
    if numbers(a) != numbers(b) or denials(a) != denials(b):
        return False
    one, other = canonical(a), canonical(b)
    if one == other:
        return True
    if _is_latin(one) and _is_latin(other):
        return _same_words(a, b)
    return _same_characters(one, other)


def denials(text: str) -> int:
    """How often a text denies: ません and ない, not and never."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return len(_DENIAL.findall(plain))


def _is_latin(said: str) -> bool:
    return sum(c < "\u0250" for c in said) > 0.8 * len(said)


def _same_characters(one: str, other: str) -> bool:
    """Japanese: what changed is kana of grammar, or one mistyped character."""
    size = max(len(one), len(other))
    if abs(len(one) - len(other)) > max(6, _MOST_CHANGED * size):
        return False
    if _swapped(one, other):
        return True
    changed, typos = 0, 0
    for old, new in _changes(one, other):
        if bool(_NEGATION.search(old)) is not bool(_NEGATION.search(new)):
            return False
        changed += max(len(old), len(new))
        content = bool(_CONTENT.search(old) or _CONTENT.search(new) or _words(old) or _words(new))
        if content:
            typos += 1
            if not _typo(old, new, size >= _TELLING):
                return False
    return typos <= 1 and changed <= max(2, _MOST_CHANGED * size)


def _swapped(one: str, other: str) -> bool:
    """Whether two neighbouring characters changed places, the commonest slip of the keyboard."""
    if len(one) != len(other):
        return False
    differ = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
    if len(differ) != 2 or differ[1] != differ[0] + 1:
        return False
    i, j = differ
    return one[i] == other[j] and one[j] == other[i]


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


def _typo(old: str, new: str, telling: bool) -> bool:
    """One character more or fewer, one kana or letter for another, a word in kana for its kanji.

    Never a kanji for a kanji, which makes another word.
    """
    if not old or not new:
        return max(len(old), len(new)) == 1
    for kanji, kana in ((old, new), (new, old)):
        if telling and _KANJI.fullmatch(kanji) and _HIRAGANA.fullmatch(kana):
            return True
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
    plain = _bare(" ".join(unicodedata.normalize("NFKC", text).lower().split()))
    plain = plain.replace("’", "'")
    plain = _CONTRACTED.sub(r"\1 is", plain)
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


def slips(a: str, b: str, most: int) -> int:
    """Letters mistyped between two words: put in, left out, replaced, or swapped with the next.

    More than `most` are not counted (optimal string alignment).
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]


def framed(a: str, b: str) -> bool:
    """Whether one text is the other with whole clauses before or behind it."""
    short, long = sorted((_clauses(a), _clauses(b)), key=lambda clauses: len("".join(clauses)))
    said = "".join(short)
    if not short or len(said) < (_LEAST_FRAMED if said.isascii() else _LEAST_FRAMED // 2):
        return False
    return any("".join(long[i:]) == said or "".join(long[:i]) == said for i in range(1, len(long)))


def _clauses(text: str) -> list[str]:
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    parts = (_NOT_SAID.sub("", part) for part in _CLAUSE.split(plain))
    return [part for part in parts if part]


def said(text: str, *, whole: bool = False) -> list[str]:
    """The words of a text, or the characters of a Japanese one.

    Unless `whole`, politeness and the words that frame a question are left out before them.
    """
    key = canonical(text)
    if not _is_latin(key):
        return list(key)
    words = _said_words(text)
    first = next((i for i, word in enumerate(words) if word not in _FRAME), 0)
    return words if whole else words[first:]
