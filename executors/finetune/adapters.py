"""Several tuned runs on one base model in memory: each request names the one that answers it.

The base is loaded once. Requests are grouped by adapter and each group is answered with its
adapter alone switched on: bit for bit what that run answers by itself. (PEFT can also mix
adapters in one batch by `adapter_names`; `python -m bench adapters` compares the two.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from advisor.errors import RunError, UsageError
from advisor.types import Plan
from executors.base import Context, Generation, Message, Question, Reply
from executors.finetune.asking import answered
from executors.finetune.proof import check_adapter, check_template
from executors.generator import LocalGenerator, load_for
from executors.models import LoadedModel, quiet_libraries
from executors.rundir import RunDir

BASE = ""
"""The name that asks the base model itself, all adapters off."""
ADAPTER = "adapter"
ABOUT = "tuned.json"


@dataclass(frozen=True, slots=True)
class Tuned:
    """One run among several: what its questions are asked with."""

    plan: Plan
    labels: tuple[str, ...]
    listed: bool
    """Whether its instruction names the labels."""
    inside: str
    """The adapter's name in the model; a request's may hold dots and slashes."""


class ManyAdapters:
    """One base and its adapters; not for two threads at once, since a switch is of the model."""

    def __init__(self, loaded: LoadedModel, runs: Mapping[str, Tuned]) -> None:
        self.loaded = loaded
        self.runs = dict(runs)
        self._generator = LocalGenerator(loaded)

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        adapters: Sequence[str],
        *,
        max_new_tokens: int,
    ) -> list[Generation]:
        """Continue each conversation with the adapter named for it; results in order.

        Args:
            adapters: one name per conversation; `BASE` for the base model.

        Raises:
            UsageError: an adapter that is not here, with those that are.
        """
        found: dict[int, Generation] = {}
        for name, places in _grouped(adapters).items():
            with self.switched(name):
                answers = self._generator.complete(
                    [conversations[at] for at in places], max_new_tokens=max_new_tokens
                )
            found.update(zip(places, answers, strict=True))
        return [found[at] for at in range(len(conversations))]

    def answer(self, questions: Sequence[Question], adapters: Sequence[str]) -> list[Reply]:
        """One reply per question, each as its run would give it: same instruction, same length.

        Raises:
            UsageError: as `complete`.
        """
        found: dict[int, Reply] = {}
        for name, places in _grouped(adapters).items():
            run = self._run(name)
            asked = [questions[at] for at in places]
            with self.switched(name):
                done = answered(self._generator, asked, run.plan, run.labels, listed=run.listed)
            found.update(zip(places, done, strict=True))
        return [found[at] for at in range(len(questions))]

    @contextmanager
    def switched(self, name: str) -> Iterator[Any]:
        """The model with this adapter alone, or with none for `BASE`."""
        model = self.loaded.model
        if name == BASE:
            with model.disable_adapter():
                yield model
            return
        inside = self._run(name).inside
        if model.active_adapter != inside:
            model.set_adapter(inside, inference_mode=True)
        yield model

    def adapter_bytes(self) -> int:
        """Bytes of all adapters together, beside `base_bytes` of the one base."""
        return sum(p.numel() * p.element_size() for p in self._parameters(adapters=True))

    def base_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self._parameters(adapters=False))

    def close(self) -> None:
        self._generator.close()

    def _parameters(self, *, adapters: bool) -> Iterator[Any]:
        for name, parameter in self.loaded.model.named_parameters():
            if ("lora_" in name) == adapters:
                yield parameter

    def _run(self, name: str) -> Tuned:
        if name not in self.runs:
            # The base is asked as the first run's plan says; it has no plan of its own.
            if name == BASE:
                return next(iter(self.runs.values()))
            raise UsageError("adapter-unknown", name=name, known=", ".join(self.runs))
        return self.runs[name]


def open_adapters(runs: Mapping[str, RunDir], context: Context) -> ManyAdapters:
    """Load the base of several tuned runs once, and every run's adapter around it.

    Args:
        runs: finished LoRA or QLoRA runs on the same base, by the name requests will use.

    Raises:
        UsageError: a run that holds no adapter, or one of another base or another precision.
        RunError: an adapter that does not load whole, or a template that changed.
    """
    about = {name: _about(run) for name, run in runs.items()}
    (first, *_) = runs
    for name, known in about.items():
        same = all(known[key] == about[first][key] for key in ("base_digest", "method"))
        if not same:
            raise UsageError("adapters-differ", where=str(runs[name].path), name=name)
    quantised = about[first]["method"] == "qlora"
    loaded = load_for(runs[first].plan.config, context, quantised=quantised)
    if loaded.digest != about[first]["base_digest"]:
        raise RunError("base-changed", where=str(runs[first].path), model=loaded.source)
    with quiet_libraries():
        from peft import PeftModel

        model: Any = None
        tuned: dict[str, Tuned] = {}
        for number, (name, run) in enumerate(runs.items()):
            folder, inside = run.artifacts / ADAPTER, f"run{number}"
            if model is None:
                model = PeftModel.from_pretrained(loaded.model, str(folder), adapter_name=inside)
            else:
                model.load_adapter(str(folder), adapter_name=inside)
            model.set_adapter(inside, inference_mode=True)
            check_adapter(model, folder)
            check_template(loaded.tokenizer, about[name], run.path)
            tuned[name] = Tuned(
                run.plan,
                tuple(about[name]["labels"]),
                bool(about[name].get("labels_listed", True)),
                inside,
            )
    return ManyAdapters(loaded.with_model(model.eval()), tuned)


def _about(run: RunDir) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.artifacts / ABOUT).read_text(encoding="utf-8"))
    if found["method"] not in ("lora", "qlora"):
        raise UsageError("run-not-adapter", where=str(run.path), method=found["method"])
    return found


def _grouped(names: Sequence[str]) -> dict[str, list[int]]:
    """The places of each name, in order of first appearance."""
    groups: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        groups.setdefault(name, []).append(at)
    return groups
