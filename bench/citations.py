"""How often the citation check lets a falsified sentence through: `python -m bench citations`.

True sentences (gold answers, and statements of the documents) are falsified one by one – a number
changed, a negation turned round, a name exchanged – and checked against the gold document among
four lookalikes. Kept beside it: how many of the untouched sentences the check wrongly refuses.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.shares import share
from executors.base import Passage
from executors.rag.answer.cite import citations
from executors.rag.answer.claims import claims
from executors.rag.answer.quotable import quotables
from executors.rag.chunking.sentences import sentences
from executors.rag.chunking.words import content_words, morphemes
from executors.rag.index.sparse import SparseIndex

SHARED = Path(__file__).parents[2] / "shared" / "data"
SETS: Mapping[str, tuple[str, str]] = {
    "handbook_ja": ("ja", "qa_dev.jsonl"),
    "manual_html_ja": ("ja", ""),
    "python_faq": ("en", ""),
    "handbook_18f": ("en", ""),
}
"""Where there is no file of short gold answers, statements of the documents are taken."""
STATEMENTS = 60
LOOKALIKES = 4
_JAPANESE_TURNS = (
    ("ません", "ます"), ("しない", "する"), ("できない", "できる"), ("ではない", "である"),
    ("できます", "できません"), ("します", "しません"), ("されます", "されません"),
    ("あります", "ありません"), ("なります", "なりません"), ("です。", "ではありません。"),
    ("できる", "できない"), ("とする。", "としない。"), ("する。", "しない。"),
    ("である", "ではない"), ("られる", "られない"),
)  # fmt: skip
_ENGLISH_TURNS = (
    ("do not ", ""), ("does not ", ""), ("is not ", "is "), ("are not ", "are "),
    ("cannot ", "can "), ("can't ", "can "), ("don't ", ""), ("will not ", "will "),
    ("should not ", "should "), ("should ", "should not "), ("must ", "must not "),
    ("can ", "cannot "), ("will ", "will not "), (" is ", " is not "), (" are ", " are not "),
    (" has ", " has no "),
)  # fmt: skip
_OTHER_NAMES = {
    "ja": ("サンライズ商事", "ミドリヤ", "オオタ工業"),
    "en": ("Northwind", "Ruby", "Contoso"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One sentence with the documents it is checked against, the gold one among them."""

    sentence: str
    question: str
    passages: tuple[Passage, ...]


def numbers_changed(sentence: str) -> Iterator[str]:
    for match in re.finditer(r"\d+", sentence):
        value = int(match.group())
        for other in (value + 1, value * 2 + 1):
            yield sentence[: match.start()] + str(other) + sentence[match.end() :]


def turned_round(sentence: str, lang: str) -> Iterator[str]:
    for one, other in _JAPANESE_TURNS if lang == "ja" else _ENGLISH_TURNS:
        at = sentence.rfind(one) if lang == "ja" else sentence.find(one)
        if at >= 0:
            yield sentence[:at] + other + sentence[at + len(one) :]
            return


def renamed(sentence: str, lang: str) -> Iterator[str]:
    if lang == "ja":
        found = [m.surface() for m in morphemes(sentence) if m.part_of_speech()[1] == "固有名詞"]
        found += re.findall(r"[ァ-ヶー]{4,}", sentence)
    else:
        found = re.findall(r"(?<=[a-z,] )[A-Z][A-Za-z]{2,}", sentence)
    for name in found[:1]:
        yield sentence.replace(name, _OTHER_NAMES[lang][len(sentence) % 3])


def cases(name: str, folder: Path, lang: str, file: str) -> list[Case]:
    lines = (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    documents = {record["_id"]: record for record in map(json.loads, lines)}
    ids = list(documents)
    index = SparseIndex.build([_counts(documents[id_]) for id_ in ids])

    def passages(text: str, gold: Sequence[str]) -> tuple[Passage, ...]:
        order = index.scores(content_words(text)).argsort()[::-1].tolist()
        near = [ids[row] for row in order if ids[row] not in gold][:LOOKALIKES]
        return tuple(_passage(documents[id_]) for id_ in [*gold, *near])

    if file:
        rows = [json.loads(line) for line in (folder / file).read_text("utf-8").splitlines()]
        return [
            Case(span.of(row["answer"]), row["question"], passages(row["question"], row["doc_ids"]))
            for row in rows
            if row["doc_ids"]
            for span in sentences(row["answer"])
            if len(claims(span.of(row["answer"])).words) > 1
        ]
    drawn = random.Random(0).sample(ids, min(STATEMENTS, len(ids)))
    found = []
    for id_ in drawn:
        prose = [q.text for q in quotables(documents[id_]["text"]) if 20 < len(q.text) < 220]
        if prose:
            found.append(Case(prose[0], "", passages(prose[0], [id_])))
    return found


def _counts(record: Mapping[str, Any]) -> dict[str, int]:
    words = content_words(f"{record['title']}\n{record['text']}")
    return {word: words.count(word) for word in set(words)}


def _passage(record: Mapping[str, Any]) -> Passage:
    return Passage(record["_id"], record["_id"], record["title"], record["text"], 1.0)


def supported(case: Case, sentence: str) -> tuple[bool, str]:
    """Whether every part of the sentence is supported, and what is wrong with the first if not."""
    cited = citations(sentence, case.passages, question=case.question)
    wrong = [one for one in cited if not one.passage]
    return bool(cited) and not wrong, wrong[0].why if wrong else ""


def measure(name: str) -> dict[str, Any]:
    lang, file = SETS[name]
    all_cases = cases(name, SHARED / name, lang, file)
    kept = [supported(case, case.sentence)[0] for case in all_cases]
    record: dict[str, Any] = {
        "language": lang,
        "sentences": "gold answers" if file else "statements of the documents",
        "true_sentences_kept": share(kept),
        "planted": {},
    }
    for kind in ("number", "negation", "name"):
        caught, missed = [], []
        for case in all_cases:
            for planted in _planted(kind, case.sentence, lang):
                ok, _ = supported(case, planted)
                caught.append(not ok)
                if ok:
                    missed.append({"true": case.sentence, "planted": planted})
        record["planted"][kind] = {"caught": share(caught), "missed": missed[:8]}
    return record


def _planted(kind: str, sentence: str, lang: str) -> Iterator[str]:
    if kind == "number":
        return numbers_changed(sentence)
    return turned_round(sentence, lang) if kind == "negation" else renamed(sentence, lang)


def main() -> None:
    figures = {name: measure(name) for name in SETS}
    for name, record in figures.items():
        print(name, record["true_sentences_kept"])
        for kind, found in record["planted"].items():
            print("  ", kind, found["caught"])
    print(save("citations", figures))


if __name__ == "__main__":
    main()
