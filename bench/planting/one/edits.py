"""Small edits that keep the meaning (near duplicates) and edits that change it (contradictions)."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable

from .identity import WIDE

Rng = random.Random
Edit = Callable[[str, Rng], str]
VARIANTS = (
    ("下さい", "ください"),
    ("出来", "でき"),
    ("無い", "ない"),
    ("良い", "よい"),
    ("分か", "わか"),
    ("及び", "および"),
    ("又は", "または"),
    ("全て", "すべて"),
    ("時", "とき"),
    ("事", "こと"),
    ("為", "ため"),
    ("頂", "いただ"),
    ("致し", "いたし"),
    ("様々", "さまざま"),
    ("行う", "おこなう"),
    ("作る", "つくる"),
    ("子供", "子ども"),
    ("問い合わせ", "問合せ"),
    ("申し込", "申込"),
    ("取り扱", "取扱"),
    ("受け付け", "受付"),
    ("引き渡し", "引渡し"),
    ("取り付け", "取付け"),
    ("貸し出し", "貸出"),
    ("受け入れ", "受入れ"),
    ("サーバー", "サーバ"),
    ("ユーザー", "ユーザ"),
    ("コンピューター", "コンピュータ"),
    ("メーカー", "メーカ"),
    ("一番", "いちばん"),
    ("誰", "だれ"),
    ("何処", "どこ"),
    ("所", "ところ"),
    ("物", "もの"),
    ("例えば", "たとえば"),
    ("持つ", "もつ"),
    ("使う", "つかう"),
    ("言う", "いう"),
    ("呼ぶ", "よぶ"),
    ("綺麗", "きれい"),
    ("美味し", "おいし"),
    ("色々", "いろいろ"),
    ("沢山", "たくさん"),
    ("か月", "ヶ月"),
    ("箇所", "か所"),
    ("必要", "ひつよう"),
    ("費用", "ひよう"),
    ("何か", "なにか"),
    ("達", "たち"),
    ("方法", "ほうほう"),
    ("頃", "ころ"),
    ("何年", "なん年"),
    ("何人", "なん人"),
    ("一つ", "ひとつ"),
    ("等", "など"),
    ("ほか", "他"),
    ("際", "さい"),
    ("何と", "なんと"),
)
NOT_ALONE = {
    "時": r"(?<=[るたのいう])時(?![一-龠])",
    "事": r"(?<=[るたのいう])事(?![一-龠])",
    "所": r"(?<=[るたのいう])所(?![一-龠])",
    "物": r"(?<=[るたのいう])物(?![一-龠])",
    "為": r"(?<=[るたのいう])為(?![一-龠])",
    "頂": r"頂(?=[きくけい])",
    "達": r"(?<=[人供友])達",
    "等": r"(?<=[一-龠])等(?=[のをがはに])",
    "際": r"(?<=[るたの])際(?=[にの、])",
    "頃": r"(?<=[月年日時いの])頃",
}
SPELLING = (
    ("canceled", "cancelled"),
    ("canceling", "cancelling"),
    ("color", "colour"),
    ("organiz", "organis"),
    ("center", "centre"),
    ("e-mail", "email"),
    ("licence", "license"),
    ("travel request", "travel-request"),
    ("part-time", "part time"),
    ("log in", "login"),
    ("web site", "website"),
    ("cannot", "can not"),
    ("firmware", "firm ware"),
    ("warehouse", "ware house"),
    ("top-up", "topup"),
    ("top up", "top-up"),
    ("payment", "pay ment"),
    ("set up", "setup"),
    ("online", "on-line"),
    ("bank account", "bankaccount"),
    ("direct debit", "direct-debit"),
)
SHORT = (
    ("I am", "I'm"),
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("cannot", "can't"),
    ("what is", "what's"),
    ("What is", "What's"),
    ("I have", "I've"),
    ("is not", "isn't"),
    ("did not", "didn't"),
    ("it is", "it's"),
    ("I would", "I'd"),
    ("where is", "where's"),
    ("has not", "hasn't"),
    ("was not", "wasn't"),
    ("How do I", "How can I"),
    ("Can I", "Could I"),
    ("Is it possible to", "Is it at all possible to"),
)


def half_kana(text: str) -> str:
    """Katakana as half-width kana."""
    table = {}
    for code in range(0xFF66, 0xFF9E):
        table[unicodedata.normalize("NFKC", chr(code))] = chr(code)
        for mark in "ﾞﾟ":
            both = unicodedata.normalize("NFKC", chr(code) + mark)
            if len(both) == 1:
                table[both] = chr(code) + mark
    return "".join(table.get(c, c) for c in text)


def swap_kana(text: str, rng: Rng) -> str:
    """Two neighbouring hiragana swapped, away from negations."""
    spots = [
        m.start()
        for m in re.finditer(r"(?=[ぁ-ん]{3})", text)
        if text[m.start() + 1] != text[m.start() + 2]
        and not re.search("[なんまずぬ]", text[m.start() : m.start() + 3])
    ]
    if not spots:
        return text
    i = rng.choice(spots) + 1
    return text[:i] + text[i + 1] + text[i] + text[i + 2 :]


def drop_or_double(text: str, rng: Rng) -> str:
    """A particle typed twice or left out."""
    spots = [m.start() for m in re.finditer(r"(?<=[一-龠ァ-ヴー])[はをがに](?=[一-龠ァ-ヴ])", text)]
    if not spots:
        return text
    i = rng.choice(spots)
    return text[:i] + rng.choice(("", text[i] * 2)) + text[i + 1 :]


def space_inside(text: str, rng: Rng) -> str:
    """A space (half or full width) where a reader sees a gap."""
    spots = [m.end() for m in re.finditer(r"(?<=[一-龠ァ-ヴー])[はをがに、](?=[一-龠ァ-ヴ])", text)]
    if not spots:
        return text
    i = rng.choice(spots)
    return text[:i] + rng.choice((" ", "　")) + text[i:]


def variant(text: str, rng: Rng) -> str:
    """One word in its other spelling (kanji or kana, okurigana, long vowel)."""
    options = []
    for a, b in VARIANTS:
        if a in text:
            new = re.sub(NOT_ALONE.get(a, re.escape(a)), b, text, count=1)
            options += [new] if new != text else []
        elif b in text and len(b) > 2:
            options.append(text.replace(b, a, 1))
    return rng.choice(options) if options else text


def ending(text: str, rng: Rng) -> str:
    """Another polite form of the same question."""
    rules = (
        (r"ですか[？?。]?$", ("でしょうか？", "ですか教えてください。", "でしょうか。")),
        (r"ますか[？?。]?$", ("ますでしょうか？", "ますか教えてください。", "ますか。")),
        (r"でしょうか[？?。]?$", ("ですか？",)),
        (r"(?<!し)ましょうか[？?。]?$", ("ますか？",)),
        (r"(いつ|どこ|誰|何|いくら|どれ|どちら)[？?]$", (r"\1ですか？", r"\1でしょうか？")),
        (r"(いつ|どこ|誰|何|いくら|どれ|どちら)か[？?。]?$", (r"\1でしょうか？", r"\1ですか？")),
        (r"教えてください。?$", ("教えていただけますか？", "教えてほしいです。", "知りたいです。")),
        (r"何という[？?]$", ("何といいますか？", "何というでしょうか？")),
        (r"何というか[？?]$", ("何といいますか？", "何というのでしょうか？")),
        (r"ましたか[？?]$", ("ましたでしょうか？",)),
    )
    for pattern, options in rules:
        if re.search(pattern, text):
            return re.sub(pattern, rng.choice(options), text)
    return text


def polite(text: str, rng: Rng) -> str:
    """A polite prefix."""
    return (
        rng.choice(
            (
                "すみません、",
                "恐れ入りますが、",
                "お世話になっております。",
                "質問です。",
                "教えてください。",
                "お忙しいところ失礼します。",
                "初めて質問いたします。",
                "至急です。",
                "Q. ",
                "【質問】",
            )
        )
        + text
    )


def reorder_ja(text: str, rng: Rng) -> str:
    """Punctuation in another place: brackets, or a comma moved."""
    if "「" in text:
        return text.replace("「", "『").replace("」", "』")
    if "『" in text:
        return text.replace("『", "「").replace("』", "」")
    if "、" in text[:-2]:
        return text.replace("、", "", 1)
    return re.sub(r"(?<=[一-龠ァ-ヴー])(は|で)(?=[一-龠ァ-ヴ])", r"\1、", text, count=1)


EDITS_JA: dict[str, Edit] = {
    "width: full": lambda t, r: re.sub(r"[A-Za-z0-9]+", lambda m: m[0].translate(WIDE), t),
    "width: half-width kana": lambda t, r: half_kana(t) if re.search("[ァ-ヴ]{2}", t) else t,
    "space inside": space_inside,
    "white space around": lambda t, r: r.choice(("　" + t, t + "  ", t + "　", t + "\n", t + "\t")),
    "punctuation form": lambda t, r: t.translate(
        str.maketrans(*r.choice((("。、？", ".,?"), ("。、？", "．，？"), ("。、?", "｡､？"))))
    ),
    "punctuation end": lambda t, r: r.choice(
        (t.rstrip("？?。"), t.rstrip("？?。") + "？？", t.rstrip("？?。") + "？！")
    ),
    "punctuation moved": reorder_ja,
    "case": lambda t, r: re.sub(
        r"(?<![A-Za-z\d])[A-Za-z]{2,}",
        lambda m: m[0].upper() if m[0].upper() != m[0] else m[0].lower(),
        t,
    ),
    "ending": ending,
    "polite prefix": polite,
    "please added": lambda t, r: (
        t
        + r.choice(
            (
                "よろしくお願いします。",
                "教えてください。",
                "ご回答お願いします。",
                "お願いいたします。",
            )
        )
    ),
    "spelling variant": variant,
    "typo: swap": swap_kana,
    "typo: particle": drop_or_double,
}


def lower_first(text: str) -> str:
    """First letter small where the first word is an ordinary one."""
    if re.match(
        r"(?:Wh|How|Could|Can|Is|Are|Do|Does|Please|In|The|My|Must|By|Has|Have)\b|Wh", text
    ):
        return text[0].lower() + text[1:]
    return text


def typo_en(text: str, rng: Rng) -> str:
    """One slip of the keyboard inside a longer small-letter word."""
    spots = [
        m
        for m in re.finditer(r"\b[a-z]{5,}\b", text)
        if m[0] not in ("never", "without", "cannot", "before", "after")
    ]
    if not spots:
        return text
    m = rng.choice(spots)
    i = m.start() + rng.randrange(1, len(m[0]) - 2)
    new = rng.choice((text[i + 1] + text[i], text[i], text[i] * 2 + text[i + 1]))
    return text[:i] + new + text[i + 2 :]


def replace_one(pairs: tuple[tuple[str, str], ...], both: bool) -> Edit:
    """An edit that replaces one of the pairs that occur."""

    def edit(text: str, rng: Rng) -> str:
        hits = [(a, b) for a, b in pairs if b not in text and re.search(rf"\b{re.escape(a)}", text)]
        hits += [(b, a) for a, b in pairs if both and re.search(rf"\b{re.escape(b)}\b", text)]
        if not hits:
            return text
        a, b = rng.choice(hits)
        return re.sub(rf"\b{re.escape(a)}", lambda _: b, text, count=1)

    return edit


EDITS_EN: dict[str, Edit] = {
    "case: lower": lambda t, r: t.lower(),
    "case: upper": lambda t, r: t.upper(),
    "case: title": lambda t, r: re.sub(r"\b[a-z]", lambda m: m[0].upper(), t),
    "punctuation end": lambda t, r: r.choice(
        (t.rstrip("?."), t.rstrip("?.") + "??", t.rstrip("?.") + " ?", t.rstrip("?.") + "?!")
    ),
    "punctuation inside": lambda t, r: (
        t.replace(",", "", 1)
        if "," in t
        else t.translate(str.maketrans("“”’", '""\''))
        if re.search("[“”’]", t)
        else t.replace("'", r.choice("’`"), 1)
    ),
    "space inside": lambda t, r: re.sub(" ", r.choice(("  ", "\u00a0")), t, count=2),
    "white space around": lambda t, r: r.choice((t + "  ", " " + t, t + "\n", t + " \t")),
    "please added": lambda t, r: (
        r.choice(
            (t.rstrip("?.") + ", please?", "Please: " + t, "Please tell me: " + lower_first(t))
        )
        if t.endswith("?")
        else t.rstrip(".") + r.choice((". Please help.", ", please help"))
    ),
    "polite prefix": lambda t, r: (
        r.choice(
            (
                "Hi, ",
                "Hello team, ",
                "Quick question: ",
                "Sorry to bother you, ",
                "Good morning, ",
                "Hey there! ",
            )
        )
        + lower_first(t)
    ),
    "thanks added": lambda t, r: (
        t + r.choice((" Thanks!", " Thank you in advance.", " thx", " Many thanks"))
    ),
    "short form or modal": replace_one(SHORT, True),
    "spelling variant": replace_one(SPELLING, True),
    "typo": typo_en,
    "width: full": lambda t, r: (
        t.translate(WIDE)
        if r.random() < 0.5
        else re.sub(r"[0-9?!:,]+", lambda m: m[0].translate(WIDE), t)
    ),
    "and sign": lambda t, r: t.replace(" and ", " & ", 1),
}


class NearMaker:
    """Makes near duplicates; takes the applicable edit that was used least so far."""

    def __init__(self, lang: str, rng: Rng, only: tuple[str, ...] = ()) -> None:
        edits = EDITS_JA if lang == "ja" else EDITS_EN
        self.edits = {k: v for k, v in edits.items() if not only or k in only}
        self.rng = rng
        self.used: Counter[str] = Counter()

    def make(self, text: str, double: float = 0.2) -> tuple[str, str]:
        """(new text, name of the operation); two operations with the given chance."""
        options = {}
        for name, edit in self.edits.items():
            new = edit(text, self.rng)
            if new != text and new.strip():
                options[name] = new
        name = min(options, key=lambda k: (self.used[k], self.rng.random()))
        self.used[name] += 1
        new = options[name]
        if len(text) > 24 and self.rng.random() < double:
            family = name.split(":")[0]
            extra = self.rng.choice([k for k in self.edits if k.split(":")[0] != family])
            twice = self.edits[extra](new, self.rng)
            if twice not in (text, new) and "width: full" not in (name, extra):
                return twice, f"{name} + {extra}"
        return new, name


def other_number(text: str, rng: Rng) -> str:
    """The first number of the text changed to another plausible one; same form."""
    found = re.search(
        r"(?<![A-Za-z\d./:%-])(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![A-Za-z\d/:-])", text
    )
    if not found:
        return text
    old = found[0]
    value = int(old.replace(",", "").split(".")[0])
    if re.fullmatch(r"1[0-9]{3}|20[0-2]\d", old):
        new = str(value + rng.choice((-12, -7, -3, 2, 4, 9)))
    elif text[found.end() : found.end() + 1] == "月":
        new = str((value + rng.choice((2, 4, 5)) - 1) % 12 + 1)
    elif re.match("[%％パ℃]| percent", text[found.end() :]):
        new = str(value // 2 if value > 40 else value * 2 + 1)
    elif re.match("[日時]", text[found.end() : found.end() + 1]) and value < 24:
        new = str((value + rng.choice((3, 5, 8))) % 24 or 2)
    else:
        changed = max(1, value * rng.choice((2, 3)) if rng.random() < 0.5 else value // 2)
        changed = changed if changed != value else value + 2
        new = f"{changed:,}" if "," in old else str(changed)
    return text[: found.start()] + new + text[found.end() :]


FLIPS_JA = (
    ("できます。", "できません。"),
    ("できません。", "できます。"),
    ("必要があります。", "必要はありません。"),
    ("必要はありません。", "必要があります。"),
    ("ことがあります。", "ことはありません。"),
    ("はありません。", "はあります。"),
    ("必要です。", "不要です。"),
    ("可能です。", "不可能です。"),
    ("されます。", "されません。"),
    ("しません。", "します。"),
    ("すべきです。", "すべきではありません。"),
    ("ありません。", "あります。"),
)
FLIPS_EN = (
    tuple((f" {a} ", f" {a} not ") for a in ("must", "should"))
    + (
        (" can ", " cannot "),
        (" cannot ", " can "),
        ("You will ", "You will not "),
        (" will be ", " will not be "),
        ("You may ", "You may not "),
    )
    + tuple(
        (f" {v} {w}", f" {v} not {w}")
        for v in ("is", "are")
        for w in (
            "available",
            "required",
            "allowed",
            "free",
            "needed",
            "eligible",
            "possible",
            "responsible",
            "provided",
            "located",
            "considered",
            "supported",
            "run by",
            "used",
            "able",
            "subject",
            "open",
        )
    )
)


def flip(answer: str, lang: str) -> tuple[str, str]:
    """The first sentence negated (or a negation taken out): (answer, what) or no change."""
    mark = "。" if lang == "ja" else ". "
    head, stop, tail = answer.partition(mark)
    head += stop
    if lang == "ja":
        for a, b in FLIPS_JA:
            if head.endswith(a):
                new = head[: -len(a)] + b
                return new + tail, f"negation: {a}>{b}"
        return answer, ""
    if re.search(r" not? |n't|^(?:Only|If|When|At|To|In order|As) ", head):
        return answer, ""
    hits = [(head.find(a), a, b) for a, b in FLIPS_EN if a in head]
    if not hits:
        return answer, ""
    at, a, b = min(hits)
    if at > 70 or re.search(r" (?:that|who|which|if|when|where|you may) ", head[: at + 1]):
        return answer, ""
    return head.replace(a, b, 1) + tail, f"negation:{a}>{b}"
