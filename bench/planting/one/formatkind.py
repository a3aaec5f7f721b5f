"""Sets of rows in one form, with about five percent that break it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from .base import Base
from .model import Folder, Planted, Unit, fits_cp932, qa
from .stock import Stock

Rng = random.Random
OPEN_JA = (
    "ご質問ありがとうございます。",
    "お問い合わせいただきありがとうございます。",
    "ご連絡ありがとうございます。",
    "いつもご利用いただきありがとうございます。",
)
BODY_JA = (
    "お尋ねの答えは「{}」です。",
    "正解は「{}」でございます。",
    "該当するのは「{}」となります。",
    "こちらは「{}」です。",
)
CLOSE_JA = (
    "ほかにも気になる点がございましたら、お気軽にお尋ねください。",
    "ご不明な点がございましたら、いつでもお知らせください。",
    "お役に立てましたら幸いです。",
    "今後ともよろしくお願いいたします。",
    "",
)
OPEN_EN = (
    "Thank you for contacting us about {}.",
    "Thanks for your question on {}.",
    "We are happy to help you with {}.",
)
BODY_EN = (
    "You will find the steps in the help section of the app.",
    "Please open your profile and choose the matching entry.",
    "Our team will look at your account within one working day.",
    "The details are listed under settings, in the second tab.",
)
CLOSE_EN = (
    "Please let us know if anything is still unclear.",
    "We wish you a pleasant day.",
    "Feel free to write to us again at any time.",
    "",
)
CASUAL_JA = (
    "それは{}だよー",
    "{}っす！",
    "たぶん{}じゃない？",
    "{}だって聞いたけど、よくわからん",
    "{}でしょ、ふつう",
)
CASUAL_EN = ("dunno, check the app lol", "nope", "its in settings i guess", "ask someone else!!")
OTHER_JA = (
    "Thank you for your question. The answer is on the second page. Please see it there.",
    "感谢您的提问。答案请参考第二页。",
    "Vielen Dank für Ihre Frage. Die Antwort steht unten.",
)
OTHER_EN = (
    "お問い合わせありがとうございます。設定画面の二番目の項目をご覧ください。",
    "Gracias por su mensaje. Encontrará los pasos en la aplicación.",
    "Merci pour votre message. Les étapes figurent dans l'application.",
)
SHORT_JA, SHORT_EN = (
    ("はい", "OK", "不明", "同上", "〃", "済"),
    ("ok", "yes", "n/a", "see above", "?", "done"),
)


def polite_ja(unit: Unit, rng: Rng) -> Unit:
    """The row with an answer of two or three polite sentences."""
    body = rng.choice(BODY_JA).format(unit.fields["answer"])
    return qa("ja", unit.fields["question"], rng.choice(OPEN_JA) + body + rng.choice(CLOSE_JA))


def polite_en(unit: Unit, rng: Rng) -> Unit:
    """A bank question with an answer of two or three polite sentences."""
    topic = unit.fields["label"].replace("_", " ").lower()
    parts = (rng.choice(OPEN_EN).format(topic), rng.choice(BODY_EN), rng.choice(CLOSE_EN))
    return qa("en", unit.fields["text"], " ".join(p for p in parts if p))


def json_en(unit: Unit, rng: Rng) -> Unit:
    """A bank question with a JSON answer."""
    data = {
        "intent": unit.fields["label"],
        "priority": rng.choice(("low", "normal", "high")),
        "needs_human": rng.random() < 0.3,
    }
    return qa("en", unit.fields["text"], json.dumps(data))


def json_ja(unit: Unit, rng: Rng) -> Unit:
    """An encyclopedia question with a JSON answer."""
    data = {
        "回答": unit.fields["answer"],
        "分類": rng.choice(("人文", "自然", "社会")),
        "確信度": rng.choice((0.6, 0.8, 0.9)),
    }
    return qa("ja", unit.fields["question"], json.dumps(data, ensure_ascii=False))


Break = Callable[[str, str, Rng], str]
POLITE: dict[str, Break] = {
    "empty answer": lambda q, a, r: "",
    "blank answer": lambda q, a, r: r.choice((" ", "　", "\n")),
    "answer = question": lambda q, a, r: q,
    "HTML tags inside": lambda q, a, r: r.choice(
        ("<p>{}</p>", '<div class="ans">{}<br></div>', "{}<br /><br />&nbsp;")
    ).format(a),
    "JSON among sentences": lambda q, a, r: json.dumps({"answer": a}, ensure_ascii=False),
}
BREAK_JA: dict[str, Break] = POLITE | {
    "other language": lambda q, a, r: r.choice(OTHER_JA),
    "very short": lambda q, a, r: r.choice(SHORT_JA),
    "very long": lambda q, a, r: "".join(r.choice(OPEN_JA + CLOSE_JA[:4]) for _ in range(70)),
    "casual": lambda q, a, r: r.choice(CASUAL_JA).format(a.partition("「")[2].partition("」")[0]),
    "no final stop": lambda q, a, r: a.rstrip("。") + r.choice(("", "…", "（続く")),
}
BREAK_EN: dict[str, Break] = POLITE | {
    "other language": lambda q, a, r: r.choice(OTHER_EN),
    "very short": lambda q, a, r: r.choice(SHORT_EN),
    "very long": lambda q, a, r: " ".join(r.choice(BODY_EN + CLOSE_EN[:3]) for _ in range(60)),
    "casual": lambda q, a, r: r.choice(CASUAL_EN),
    "all capitals": lambda q, a, r: a.upper(),
}
BREAK_JSON: dict[str, Break] = {
    "JSON: brace lost": lambda q, a, r: a[:-1],
    "JSON: cut off": lambda q, a, r: a[: len(a) // 2],
    "JSON: single quotes": lambda q, a, r: a.replace('"', "'"),
    "JSON: comma at the end": lambda q, a, r: a[:-1] + ",}",
    "JSON: in a code fence": lambda q, a, r: f"```json\n{a}\n```",
    "JSON: text before it": lambda q, a, r: "Here is the result: " + a,
    "JSON: comma lost": lambda q, a, r: a.replace(", ", " ", 1),
    "JSON: other keys": lambda q, a, r: json.dumps(
        {"result": q[:20], "ok": True}, ensure_ascii=False
    ),
    "JSON: list instead of object": lambda q, a, r: json.dumps(
        list(json.loads(a).values()), ensure_ascii=False
    ),
    "JSON: bad literal": lambda q, a, r: (
        a.replace("false", "False").replace("true", "True").replace("0.", ".", 1)
    ),
    "plain text": lambda q, a, r: str(next(iter(json.loads(a).values()))),
    "empty answer": lambda q, a, r: "",
    "answer = question": lambda q, a, r: q,
    "HTML tags inside": lambda q, a, r: f"<pre>{a}</pre>",
}


def spoil(
    folder: Folder, file: str, units: list[Unit], breaks: dict[str, Break], count: int, rng: Rng
) -> None:
    """Put rows into a file; `count` of them get a form that breaks the rule."""
    names = list(breaks)
    for n, unit in enumerate(units):
        if n < count:
            name = names[n % len(names)]
            question, answer = unit.fields["question"], unit.fields["answer"]
            new = breaks[name](question, answer, rng)
            if new == answer:
                name, new = names[0], breaks[names[0]](question, answer, rng)
            unit.fields["answer"] = new
            unit.mark("inconsistent", name, None, new[:200])
        folder.put(file, unit)


def format_set(base: Base, out: Path, rng: Rng) -> list[Planted]:
    """Four consistent sets with broken rows and some rows that only look different."""
    folder, stock = Folder("format", rng), Stock(base, rng)
    short = [p for p in base.qa_ja["common"] + base.qa_ja["wiki"] if len(p[1]) <= 24]
    rows = [qa("ja", *p) for p in stock.draw(short, 1800)]
    ja = [polite_ja(u, rng) for u in rows[:1000]]
    ja_json = [u for u in (json_ja(u, rng) for u in rows[1000:]) if fits_cp932(u)][:640]
    intents = stock.intents(1900)
    en, en_json = (
        [polite_en(u, rng) for u in intents[:950]],
        [json_en(u, rng) for u in intents[950:]],
    )
    for n in range(12):
        data = json.loads(en_json[-1 - n].fields["answer"])
        turned = dict(reversed(data.items())) if n % 2 else data
        en_json[-1 - n].fields["answer"] = json.dumps(turned, indent=None if n % 2 else 2)
        en_json[-1 - n].mark("decoy", "valid JSON in other order or layout")
        ja[-1 - n].fields["answer"] += (
            "なお、詳しい説明は次の資料に載っておりますので、あわせてご覧ください。"
        )
        ja[-1 - n].mark("decoy", "one polite sentence more")
        en[-1 - n].fields["answer"] += " If x < 3 or y > 5, please check twice."
        en[-1 - n].mark("decoy", "signs < and > that are no tags")
    spoil(folder, "polite_ja.jsonl", ja, BREAK_JA, 50, rng)
    spoil(folder, "polite_en_utf8.csv", en, BREAK_EN, 48, rng)
    spoil(folder, "json_en.jsonl", en_json, BREAK_JSON, 48, rng)
    spoil(
        folder,
        "json_ja_cp932.csv",
        ja_json,
        {k: v for k, v in BREAK_JSON.items() if k != "JSON: text before it"},
        32,
        rng,
    )
    return folder.write(out)
