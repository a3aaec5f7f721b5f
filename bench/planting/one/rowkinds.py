"""Kinds that are about pairs of rows: duplicates, near duplicates, contradictions, leakage."""

from __future__ import annotations

import random
import re
from pathlib import Path

from .base import Base
from .decoys import PAIRS_EN, PAIRS_JA, Pair
from .edits import NearMaker, flip, other_number
from .facts import FACTS_EN, FACTS_JA, Fact
from .model import Folder, Planted, Unit, fits_cp932, qa
from .stock import Stock

Rng = random.Random


def repeat(unit: Unit, **changed: str) -> Unit:
    """A copy of a row with some fields changed, no marks."""
    return Unit(unit.lang, {**unit.fields, **changed})


def exact_duplicate(base: Base, out: Path, rng: Rng) -> list[Planted]:
    """Rows that stand again in the same or another file; documents under a second name."""
    folder, stock = Folder("exact_duplicate", rng), Stock(base, rng)
    rows = stock.rows_ja(760) + stock.rows_en(500) + stock.intents(300) + stock.tones(200)
    folder.spread(rows)
    used: set[int] = set()
    plan = [("ja", "question", 70), ("en", "question", 55), ("en", "text", 18), ("ja", "text", 10)]
    for lang, key, count in plan:
        pool = [u for u in rows if u.lang == lang and key in u.fields and len(u.text()) > 15]
        for n, unit in enumerate(rng.sample(pool, count)):
            used.add(id(unit))
            same = n % 2 == 0
            name = unit.file.rpartition("/")[2]
            file = name if same else folder.choose(unit, avoid=unit.file)
            detail = "same file" if same else "other file"
            folder.put(file, repeat(unit).mark("exact_duplicate", detail, unit))
            if n % 9 == 4:
                again = repeat(unit).mark("exact_duplicate", "third copy", unit)
                folder.put(folder.choose(unit, avoid=""), again)
    by_answer: dict[tuple[str, str], list[Unit]] = {}
    for unit in rows:
        if "answer" in unit.fields and id(unit) not in used:
            by_answer.setdefault((unit.lang, unit.fields["answer"]), []).append(unit)
    for same_answer in [v for v in by_answer.values() if len(v) > 1][:40]:
        same_answer[1].mark("decoy", "same answer, other question", same_answer[0])
    docs = stock.docs_ja(30) + stock.docs_en(30)
    for n, (name, unit) in enumerate(docs):
        folder.add_doc(f"docs/{name}", unit)
        if n % 4 == 0:
            stem, _, end = name.rpartition(".")
            mark = rng.choice(("_copy", " (1)", "_最新版", "_old", "_final"))
            second = Unit(unit.lang, body=unit.body)
            second.mark("exact_duplicate", f"document under the name {stem}{mark}.{end}", unit)
            folder.add_doc(f"docs/{stem}{mark}.{end}", second)
    return folder.write(out)


def pair_rows(pairs: tuple[Pair, ...], lang: str) -> list[tuple[Unit, Unit, str]]:
    """Two rows of each pair that look alike and mean different things, and what differs."""
    return [
        (
            qa(lang, q.format(f[0][0]), a.format(f[0][1])),
            qa(lang, q.format(f[1][0]), a.format(f[1][1])),
            what,
        )
        for q, a, f, what in pairs
    ]


def number_pairs(units: list[Unit], rng: Rng, count: int) -> list[tuple[Unit, Unit, str]]:
    """Real rows whose question holds a number, against the same with another number."""
    pairs: list[tuple[Unit, Unit, str]] = []
    for unit in units:
        question = unit.fields["question"]
        new = other_number(question, rng)
        if new == question or len(pairs) == count:
            continue
        answer = other_number(unit.fields["answer"], rng)
        if answer == unit.fields["answer"]:
            answer = (
                "該当する記録はありません。" if unit.lang == "ja" else "There is no record of that."
            )
        pairs.append((unit, qa(unit.lang, new, answer), "number"))
    return pairs


def add_pairs(folder: Folder, pairs: list[tuple[Unit, Unit, str]], where: str = "") -> None:
    """Put pairs in as decoys; `where` names the file of the second row."""
    for first, second, what in pairs:
        if not first.file:
            folder.put(folder.choose(first) if not where else "train.jsonl", first)
        second.mark("decoy", f"looks alike, other {what}", first)
        folder.put(where or folder.choose(second), second)


def near_duplicate(base: Base, out: Path, rng: Rng) -> list[Planted]:
    """Questions asked again with a small change that keeps the meaning; the same answer."""
    folder, stock = Folder("near_duplicate", rng), Stock(base, rng)
    rows = stock.rows_ja(620, wiki=True) + stock.rows_en(430) + stock.intents(300)
    folder.spread(rows)
    free = [u for u in rows if 12 <= len(next(iter(u.fields.values()))) <= 120]
    rng.shuffle(free)
    numbered: list[Unit] = []
    for lang, pairs in (("ja", PAIRS_JA), ("en", PAIRS_EN)):
        add_pairs(folder, pair_rows(pairs, lang))
        found = number_pairs([u for u in free if u.lang == lang and "question" in u.fields], rng, 8)
        numbered += [first for first, _, _ in found]
        add_pairs(folder, found)
    taken = {id(u) for u in numbered}
    for lang, key, count in (("ja", "question", 112), ("en", "question", 75), ("en", "text", 37)):
        maker = NearMaker(lang, rng)
        pool = [u for u in free if u.lang == lang and key in u.fields and id(u) not in taken]
        for unit in pool[:count]:
            new, operation = maker.make(unit.fields[key])
            copy = repeat(unit, **{key: new}).mark("near_duplicate", operation, unit, new)
            folder.put(folder.choose(copy), copy)
    return folder.write(out)


def contradiction(base: Base, out: Path, rng: Rng) -> list[Planted]:
    """The same question, exactly or in a near form, with another answer."""
    folder, stock = Folder("contradiction", rng), Stock(base, rng)
    rows = (
        stock.rows_ja(560, wiki=True, hops=True)
        + stock.rows_en(420)
        + stock.intents(260)
        + stock.tones(160)
    )
    makers = {lang: NearMaker(lang, rng) for lang in ("ja", "en")}
    mild = NearMaker(
        "ja",
        rng,
        (
            "space inside",
            "white space around",
            "punctuation form",
            "punctuation end",
            "spelling variant",
            "typo: particle",
        ),
    )
    pool = {u.fields["question"]: u for u in rows if "question" in u.fields}
    folder.spread(rows)

    def against(unit: Unit, answer: str, detail: str, key: str = "answer") -> None:
        first = next(iter(unit.fields))
        copy, note = repeat(unit, **{key: answer}), "same question"
        if rng.random() < 0.35:
            maker = mild if unit.lang == "ja" and first == "text" else makers[unit.lang]
            new, operation = maker.make(unit.fields[first], double=0)
            copy.fields[first], note = new, f"near question ({operation})"
        copy.mark("contradiction", f"{detail}; {note}", unit, answer)
        folder.put(folder.choose(copy), copy)

    used: set[int] = set()
    for lang, facts in (("ja", FACTS_JA), ("en", FACTS_EN)):
        usable: list[tuple[Unit, Fact]] = []
        for fact in facts:
            unit = pool.get(fact[0])
            if unit is None:
                unit = qa(lang, fact[0], fact[1])
                folder.put(folder.choose(unit), unit)
            used.add(id(unit))
            usable.append((unit, fact))
        rng.shuffle(usable)
        again = [(u, f) for u, f in usable if f[4]][:16]
        for unit, fact in again:
            copy = repeat(unit, answer=fact[4])
            copy.mark("decoy", "same meaning in other words", unit)
            folder.put(folder.choose(copy), copy)
        for unit, fact in usable:
            if not any(unit is u for u, _ in again):
                against(unit, fact[2], fact[3])
    for lang, pairs in (("ja", PAIRS_JA), ("en", PAIRS_EN)):
        add_pairs(folder, rng.sample(pair_rows(pairs, lang), 16))
    rest = [u for u in rows if id(u) not in used]
    rng.shuffle(rest)
    quota = {
        "yes-no": 14,
        "number or date": 24,
        "negation ja": 14,
        "number en": 14,
        "negation en": 24,
        "label": 20,
        "level": 10,
        "other of two": 16,
    }
    for unit in rest:
        for detail, answer, key in changes(unit, rng):
            if quota[detail.split(":")[0]] > 0:
                quota[detail.split(":")[0]] -= 1
                against(unit, answer, detail, key)
                break
    return folder.write(out)


def changes(unit: Unit, rng: Rng) -> list[tuple[str, str, str]]:
    """Ways to contradict a real row: (detail, new answer, field)."""
    if "label" in unit.fields:
        if unit.lang == "en":
            other = rng.choice(LABELS)
            return [("label", other, "label")] if other != unit.fields["label"] else []
        level = int(unit.fields["label"])
        return [("level", str({1: 4, 2: 4, 3: 1, 4: 1}[level]), "label")]
    answer = unit.fields["answer"]
    if answer in ("YES", "NO"):
        return [("yes-no", "NO" if answer == "YES" else "YES", "answer")]
    found = []
    if re.search(r"^[^泊つ]*\d[^泊つ]*$" if unit.lang == "ja" else MEASURE, answer) and len(
        answer
    ) < (40 if unit.lang == "ja" else 300):
        name = "number or date" if unit.lang == "ja" else "number en"
        new = other_number(answer, rng)
        found += [(name, new, "answer")] if new != answer else []
    flipped, what = flip(answer, unit.lang)
    if (
        re.match("はい|もちろん", answer)
        or "できます" in what
        and re.search("どう|どの|方法|どんな|何", unit.fields["question"])
    ):
        what = ""
    if what and 12 < len(answer) < 320:
        found.append((f"negation {unit.lang}: {what.partition(':')[2]}", flipped, "answer"))
    two = re.match(r"(.+?)と(.+?)(?:では|で|のうち|、)", unit.fields["question"])
    if two and "どちら" in unit.fields["question"]:
        names = [re.sub("[『』「」]|（.*", "", n) for n in two.groups()]
        if answer in names and names[0] != names[1] and not re.search("について|どちら", names[1]):
            found.append(("other of two", names[1 - names.index(answer)], "answer"))
    return found


MEASURE = (
    r"^\D*(?:\$\d|\d[\d,]* ?(?:days?|weeks?|hours?|minutes?|months?|years?|[ap]\.?m|%|"
    r"percent|people|examples|business)|\d(?:th|rd|nd) floor)"
)
LABELS = (
    "card_arrival",
    "card_not_working",
    "exchange_rate",
    "lost_or_stolen_card",
    "pending_top_up",
    "request_refund",
    "transfer_timing",
    "age_limit",
    "change_pin",
    "terminate_account",
)


def leakage(base: Base, out: Path, rng: Rng) -> list[Planted]:
    """Test rows that also stand in train, exactly or in a near form."""
    folder, stock = Folder("leakage", rng), Stock(base, rng)
    rows = stock.rows_ja(1000, wiki=True) + stock.rows_en(640)
    rng.shuffle(rows)
    intents = stock.intents(900)
    test, train = rows[:360], rows[360:]
    for unit in test:
        folder.put("test.jsonl", unit)
    for unit in train:
        folder.put("train.jsonl", unit)
    for n, unit in enumerate(intents):
        folder.put("intent/test.jsonl" if n % 4 == 0 else "intent/train.jsonl", unit)
    free = [u for u in train if 12 <= len(u.fields["question"]) <= 120]
    taken: set[int] = set()
    for lang, pairs in (("ja", PAIRS_JA), ("en", PAIRS_EN)):
        add_pairs(folder, rng.sample(pair_rows(pairs, lang), 24), "test.jsonl")
        found = number_pairs([u for u in free if u.lang == lang], rng, 8)
        taken |= {id(first) for first, _, _ in found}
        add_pairs(folder, found, "test.jsonl")
    plans = [
        ("ja", "question", 76, free, "test.jsonl"),
        ("en", "question", 56, free, "test.jsonl"),
        ("en", "text", 34, [u for u in intents if "train" in u.file], "intent/test.jsonl"),
    ]
    for lang, key, count, pool, file in plans:
        maker = NearMaker(lang, rng)
        pool = [
            u for u in pool if u.lang == lang and id(u) not in taken and len(u.fields[key]) > 11
        ]
        for n, unit in enumerate(pool[:count]):
            copy, note = repeat(unit), "exact"
            if n % 2:
                copy.fields[key], note = maker.make(unit.fields[key])
                note = f"near: {note}"
            folder.put(file, copy.mark("leakage", note, unit, copy.fields[key]))
    return folder.write(out)


def clean(base: Base, out: Path, rng: Rng) -> list[Planted]:
    """Rows and documents with no planted fault, one file a source."""
    folder, stock = Folder("clean", rng), Stock(base, rng)
    for lang, sets in (("ja", base.qa_ja), ("en", base.qa_en)):
        for source, pairs in sets.items():
            if source == "hops":
                continue
            units = [qa(lang, q, a) for q, a in rng.sample(pairs, min(len(pairs), 700))]
            for n, unit in enumerate(units):
                if source == "instruction" and n % 2 and fits_cp932(unit):
                    folder.put("qa_ja_instruction_cp932.csv", unit)
                else:
                    csv_file = source in ("common", "facts")
                    folder.put(f"qa_{lang}_{source}.{'csv' if csv_file else 'jsonl'}", unit)
    for unit in stock.intents(900):
        folder.put("intent_en.jsonl", unit)
    for unit in stock.tones(500):
        folder.put("tone_ja.jsonl", unit)
    for name, unit in stock.docs_ja(170) + stock.docs_en(200):
        folder.add_doc(f"docs/{name}", unit)
    return folder.write(out)
