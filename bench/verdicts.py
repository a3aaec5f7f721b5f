"""One verdict each on four companies' own questions: which road won, by how much, and why.

`python -m bench verdicts [--only=handbook_ja,keico_style,bitext_support,banking77,twelve]
[--resume]`; `--resume` goes on with what stands below runs/. Every
comparison is `okakae compare` itself with the starter, a base model of 270 million parameters: read
the figures for the difference between the roads. Test questions are marked as such and never
learned from; where a road could read the training pairs as papers, they are given to it as papers.
The data sets are read from `../shared/data` and never enter the product.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, save
from bench.roads import Roads, compare
from bench.verdict_data import (
    DRAFTED,
    banking_rows,
    handbook_rows,
    read_lines,
    support_rows,
    tone_rows,
)

WORK = Path("runs") / "bench-verdicts"
Record = dict[str, Any]
COMMON = {"model": "starter", "finetune.general_probe": "off", "prompting.search_calls": 0}
"""What a tuning costs elsewhere and what a search of prompts brings have benches of their own."""
NEAREST = {"prompting.choice": "nearest"}
WRITTEN = {"rag.answer": "generate"}
RESUME = "--resume" in sys.argv


def handbook_ja() -> Record:
    """Facts that no model knows; the tuned roads learn from drafted and reviewed pairs."""
    data = _folder("handbook_ja", corpus=read_lines("handbook_ja", "corpus.jsonl"))
    _write(data / "pairs.jsonl", handbook_rows())
    sets = {
        "goal": "new_facts",
        "data.validation_share": 0.08,
        "rag.chunk_tokens": 150,
        "rag.top_k": 3,
        "finetune.epochs": 2,
        "prompting.shots": 4,
        "generate.max_new_tokens": 48,
    }
    roads: Roads = {
        "nearest": ("prompting", NEAREST),
        "rag": ("rag", {}),
        "written": ("rag", WRITTEN),
        "lora": ("lora", {}),
        "hybrid": ("hybrid", {**WRITTEN, "finetune.max_steps": 40}),
    }
    found = compared("handbook_ja", data, roads, sets)
    return found | {"drafted_pairs": sum(1 for _ in DRAFTED.open(encoding="utf-8"))}


def keico_style() -> Record:
    """Casual to most polite Japanese, on fields of life that were held out."""
    rows = tone_rows()
    data = _folder("keico_style", corpus=_as_papers(rows, "くだけた文", "丁寧な文"))
    _write(data / "pairs.jsonl", rows)
    sets = {
        "goal": "style_or_tone",
        "finetune.epochs": 3,
        "rag.top_k": 4,
        "rag.abstain": False,
        "generate.max_new_tokens": 64,
    }
    roads: Roads = {
        "static": ("prompting", {}),
        "nearest": ("prompting", NEAREST),
        "written": ("rag", WRITTEN),
        "lora": ("lora", {}),
    }
    found = compared("keico_style", data, roads, sets)
    return found | {"levels": politeness(found, rows)}


def politeness(found: Record, rows: list[Record]) -> Record:
    """Which of four levels a judge gives each road's answers, and the gold ones."""
    from bench.levels import LevelJudge, right_on_other_fields
    from executors.evaluate.statistics import mean_interval, paired_difference

    labels = read_lines("keico_style", "level_labels.jsonl")
    tested = {row["id"]: row for row in rows if row["split"] == "test"}
    judge = LevelJudge(labels, {row["group"] for row in tested.values()})
    groups = [row["group"] for row in tested.values()]
    told: Record = {"judge": right_on_other_fields(labels) | {"learned": judge.learned}}
    answers = {
        "source": {id_: row["source"] for id_, row in tested.items()},
        "gold": {id_: row["target"] for id_, row in tested.items()},
    }
    for road in found["roads"]:
        lines = (WORK / "keico_style" / "run" / road["answers"]).read_text(encoding="utf-8")
        answers[road["name"]] = {r["id"]: r["answer"] for r in map(json.loads, lines.splitlines())}
    polite: dict[str, list[float]] = {}
    for name, by_id in answers.items():
        levels = judge.levels([by_id[id_] for id_ in tested])
        polite[name] = [float(level <= 2) for level in levels]
        told[name] = {
            "honorific": _interval(mean_interval(polite[name], groups)),
            "level": _interval(mean_interval([float(level) for level in levels], groups)),
        }
    if "lora" in polite:
        told["lora_minus"] = {
            name: _interval(paired_difference(polite["lora"], other, groups))
            for name, other in polite.items()
            if name in answers and name not in ("lora", "source", "gold")
        }
    return told


def bitext_support() -> Record:
    """Customer service in one house's voice: long answers with the house's own phrases."""
    rows = support_rows()
    data = _folder("bitext_support", corpus=_as_papers(rows, "Customer", "Agent"))
    _write(data / "pairs.jsonl", rows)
    sets = {
        "language": "en",
        "goal": "style_or_tone",
        "finetune.epochs": 1,
        "prompting.shots": 2,
        "rag.top_k": 2,
        "rag.abstain": False,
        "generate.max_new_tokens": 96,
    }
    roads: Roads = {
        "nearest": ("prompting", NEAREST),
        "written": ("rag", WRITTEN),
        "lora": ("lora", {}),
    }
    return compared("bitext_support", data, roads, sets)


def banking77() -> Record:
    """77 intents from ten examples each: a language model tuned, and a small classifier."""
    data = _folder("banking77")
    _write(data / "rows.jsonl", banking_rows())
    sets = {"language": "en", "goal": "classification", "finetune.epochs": 2}
    roads: Roads = {
        "nearest": ("prompting", NEAREST),
        "encoder": ("encoder", {}),
        "lora": ("lora", {}),
    }
    # Closed-book would be the prompt without examples: on a CPU as long as all the rest.
    return compared("banking77", data, roads, sets, diagnostics=False)


def twelve() -> Record:
    """Twelve questions: too few to tell roads apart that are close."""
    data = _folder("twelve", corpus=read_lines("handbook_ja", "corpus.jsonl"))
    rows = handbook_rows()
    tested = [row for row in rows if row["split"] == "test"][:12]
    _write(data / "pairs.jsonl", [*tested, *(row for row in rows if row["split"] != "test")])
    sets = {"goal": "new_facts", "generate.max_new_tokens": 64}
    roads: Roads = {"nearest": ("prompting", NEAREST), "rag": ("rag", {})}
    return compared("twelve", data, roads, sets)


SETS: dict[str, Callable[[], Record]] = {
    made.__name__: made for made in (twelve, handbook_ja, keico_style, bitext_support, banking77)
}


def compared(
    name: str, data: Path, roads: Roads, sets: Mapping[str, Any], *, diagnostics: bool = True
) -> Record:
    """The comparison, with the settings that it was made under."""
    asked = {**COMMON, **sets, "data.path": data}
    found = compare(WORK / name, roads, asked, diagnostics=diagnostics, resume=RESUME)
    return found | {
        "settings": dict(sets) | {label: dict(own) for label, (_, own) in roads.items()}
    }


def _folder(name: str, corpus: Iterable[Record] = ()) -> Path:
    folder = WORK / name
    if not RESUME:
        shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    if papers := list(corpus):
        _write(data / "corpus.jsonl", papers)
    return data


def _as_papers(rows: Iterable[Record], before: str, after: str) -> list[Record]:
    """Training pairs as documents, so that retrieval has the same to go by as tuning."""
    found = []
    for row in rows:
        if row["split"] == "test":
            continue
        prompt, answer = (row[key] for key in list(row)[1:3])
        text = f"{before}: {prompt}\n{after}: {answer}"
        found.append({"_id": row["id"], "title": prompt[:40], "text": text})
    return found


def _write(path: Path, rows: Iterable[Record]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _interval(found: Any) -> Record:
    value = getattr(found, "value", getattr(found, "difference", None))
    return {
        "value": round(float(value), 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "n": found.n,
    }


def main() -> None:
    words = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
    names = words["only"].split(",") if "only" in words else list(SETS)
    for name in names:
        found = SETS[name]()
        # Read late: another set may have been measured meanwhile.
        kept = RESULTS / "verdicts.json"
        figures = json.loads(kept.read_text(encoding="utf-8"))["figures"] if kept.is_file() else {}
        print(save("verdicts", figures | {name: found}))


if __name__ == "__main__":
    main()
