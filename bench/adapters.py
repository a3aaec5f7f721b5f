"""Five adapters on one base, a hundred alternating requests: styles, loads, memory, time.

`python -m bench adapters`. Each adapter is a real run of the recipe that learned to answer in a
style of its own; the base is a tiny Llama, so the figures are of the switching, not of a model.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.tuning import SETTINGS, import_everything, sealed

STYLES = {
    "polite": "承知しました。",
    "casual": "りょうかい!",
    "samurai": "御意でござる。",
    "english": "Certainly, sir.",
    "robot": "PI-PO-PA. OK.",
}
REQUESTS = 100
SHAPE = {"context": 1024, "hidden": 64}
CONFIG = SETTINGS | {
    "generate.max_new_tokens": 48,
    "finetune.epochs": 12.0,
    "finetune.rank": 8,
    "finetune.alpha": 16,
    "finetune.dropout": 0.0,
    "finetune.learning_rate": 2e-2,
    "finetune.batch_size": 8,
    "finetune.grad_accum": 1,
    "finetune.eval_per_epoch": 1,
    "finetune.early_stopping_patience": 12,
}


def prompt(number: int) -> str:
    return f"{number}番の件、頼むよ。"


def make_runs(base: Path, folder: Path, styles: Mapping[str, str] = STYLES) -> dict[str, Any]:
    """Tune the base on every style; one finished run each."""
    from advisor.session import Session
    from executors.base import Context, RunData
    from executors.finetune.executor import FinetuneExecutor
    from executors.finetune.ladder import Rung
    from executors.rundir import RunDir
    from knowledge.corpus.splits import Split
    from knowledge.corpus.types import Corpus, Example

    context = Context(Session(lang="en", no_input=True, plain=True))
    runs = {}
    for style, phrase in styles.items():
        rows = [Example(f"{style}{n}", "rewrite", prompt(n), phrase, "", "") for n in range(0, 56)]
        data = RunData(
            Corpus(Path(), (), (), (), ""), Split(tuple(rows[:48]), tuple(rows[48:]), test=())
        )
        plan = sealed(CONFIG, base, style=style)
        run = RunDir.create(folder / style, plan, None)
        FinetuneExecutor().tune(plan, run, data, context, Rung("lora", plan.config), None)
        run.mark("build")
        run.finish("done")
        runs[style] = run
    return runs


def make_base(folder: Path) -> Path:
    """A tiny Llama that knows every phrase when it is told which, and says yes when it is not.

    A random base would have to be taught to write by the adapters alone, which a real one is not.
    """
    from tiny import byte_tokenizer, memorise, save_tiny, tiny_llama

    from executors.prompting.prompts import conversation
    from executors.template import render_chat

    model, tokenizer = tiny_llama(**SHAPE), byte_tokenizer()
    asked = [(prompt(n), "はい。") for n in (3, 30)]
    asked += [(f"{style}: {prompt(n)}", STYLES[style]) for style in STYLES for n in (3, 30)]
    texts = []
    for text, said in asked:
        turns = conversation(text, "rewrite", "ja", labels=())
        answer = {"role": "assistant", "content": said}
        texts.append(render_chat(tokenizer, [*turns, answer], add_generation_prompt=False))
    memorise(model, tokenizer, texts, steps=120)
    return save_tiny(folder, model, tokenizer)


def measure(base: Path, runs: Mapping[str, Any]) -> dict[str, Any]:
    """Open all, ask alternately, and compare with every run asked by itself."""
    import psutil

    from advisor.session import Session
    from executors import generator
    from executors.base import Context, Question
    from executors.finetune.adapters import BASE, open_adapters
    from executors.finetune.executor import FinetuneExecutor

    context = Context(Session(lang="en", no_input=True, plain=True))
    alone = {}
    for style, run in runs.items():
        system = FinetuneExecutor().open(run, context)
        alone[style] = system.answer([Question("q", prompt(100), "rewrite")])[0].answer
        system.close()

    loads: list[str] = []
    load = generator.load

    def counted(reference: str, **options: Any) -> Any:
        loads.append(reference)
        return load(reference, **options)

    generator.load = counted  # type: ignore[assignment]
    rss = psutil.Process().memory_info().rss
    try:
        many = open_adapters(runs, context)
        opened_rss = psutil.Process().memory_info().rss - rss
        names = [list(runs)[n % len(runs)] for n in range(REQUESTS)]
        right, seconds, switches = 0, [], []
        pointers = [p.data_ptr() for p in many.loaded.model.parameters()]
        for number, name in enumerate(names):
            started = time.perf_counter()
            with many.switched(name):
                switches.append(time.perf_counter() - started)
            (reply,) = many.answer([Question("q", prompt(number), "rewrite")], [name])
            seconds.append(time.perf_counter() - started)
            right += reply.answer == STYLES[name]
        together = many.answer([Question("q", prompt(100), "rewrite")] * len(runs), list(runs))
        same_batch = [reply.answer for reply in together]
        (base_reply,) = many.answer([Question("q", prompt(3), "rewrite")], [BASE])
        unmoved = pointers == [p.data_ptr() for p in many.loaded.model.parameters()]
        figures = {
            "adapters": len(runs),
            "requests": REQUESTS,
            "right_style": right,
            "answers": dict(zip(runs, same_batch, strict=True)),
            "loads": len(loads),
            "weights_stayed_in_place": unmoved,
            "same_as_each_run_alone": same_batch == [alone[name] for name in runs],
            "base_answers_in_no_style": base_reply.answer not in STYLES.values(),
            "base_mib": round(many.base_bytes() / 2**20, 3),
            "adapters_mib": round(many.adapter_bytes() / 2**20, 3),
            "rss_of_opening_mib": round(opened_rss / 2**20, 1),
            "switch_ms_median": round(1000 * statistics.median(switches), 3),
            "answer_ms_median": round(1000 * statistics.median(seconds), 1),
            "mixed_batch": mixed(many, runs, alone),
        }
        many.close()
    finally:
        generator.load = load  # type: ignore[assignment]
    return figures


def mixed(many: Any, runs: Mapping[str, Any], alone: Mapping[str, str]) -> dict[str, Any]:
    """PEFT's own way: one batch, an adapter name for each row."""
    import torch

    from executors.prompting.prompts import conversation
    from executors.template import render_chat

    loaded = many.loaded
    turns = conversation(prompt(100), "rewrite", "ja", labels=())
    text = render_chat(loaded.tokenizer, turns)
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    batch = torch.tensor([ids] * len(runs))
    inside = [many.runs[name].inside for name in runs]
    started = time.perf_counter()
    with torch.no_grad():
        output = loaded.model.generate(
            input_ids=batch,
            attention_mask=torch.ones_like(batch),
            max_new_tokens=48,
            adapter_names=inside,
        )
    seconds = time.perf_counter() - started
    said = [
        loaded.tokenizer.decode(row[len(ids) :], skip_special_tokens=True).strip() for row in output
    ]
    return {
        "same_answers": sum(a == alone[name] for a, name in zip(said, runs, strict=True)),
        "seconds": round(seconds, 3),
    }


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import_everything()
    with tempfile.TemporaryDirectory(prefix="okakae-adapters-") as folder:
        os.environ["OKAKAE_STATE_DIR"] = str(Path(folder, "state"))
        base = make_base(Path(folder, "base"))
        figures = measure(base, make_runs(base, Path(folder, "runs")))
    print(save("adapters", figures))


if __name__ == "__main__":
    main()
