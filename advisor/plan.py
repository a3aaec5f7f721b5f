"""What exactly will be done: an option becomes a sealed plan, and a plan is checked."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from advisor.errors import MachineError, UsageError
from advisor.files import canonical, read_json, sha256_bytes, sha256_file, write_json
from advisor.plan_config import configure
from advisor.types import (
    Answers,
    Estimate,
    MachineFacts,
    Needs,
    Option,
    Plan,
    PlanInput,
    Recommendation,
    Scalar,
)
from knowledge.catalog.loader import did_you_mean, load, stamp

EXECUTORS = {"prompting": "prompting", "rag": "rag", "hybrid": "hybrid"}
METHODS = {"full": "finetune", "lora": "finetune", "qlora": "finetune", "encoder": "encoder"}
"""Executor by method of fine-tuning."""
PLACES = ("local",)
"""Where this version can carry a plan out."""
STEPS = {
    "prompting": ("read", "split", "choose_examples", "evaluate", "report"),
    "rag": ("read", "split", "chunk", "embed", "index", "calibrate", "evaluate", "report"),
    "finetune": ("read", "split", "load", "train", "verify", "evaluate", "report"),
    "hybrid": (
        *("read", "split", "chunk", "embed", "index", "calibrate"),
        *("retrieve", "load", "train", "verify", "evaluate", "report"),
    ),
    "encoder": ("read", "split", "embed", "train", "calibrate", "evaluate", "report"),
}
OWN_FILES = {"replay": "finetune.replay", "probe": "finetune.general_probe"}
"""Inputs beside the data, by role, and the setting that may name a file of the user's."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is no longer as planned; `effect` is a text id."""

    what: str
    planned: str
    now: str
    effect: str


def find_option(recommendation: Recommendation, name: str | None) -> Option:
    """The option with this rank, approach or method; the first runnable one if nothing is named.

    Of several roads of one approach the first that this version can carry out is meant.

    Raises:
        UsageError: there is no such option, or nothing is recommended and nothing was named.
    """
    options = recommendation.options
    if name is None:
        if recommendation.chosen is None:
            raise UsageError("nothing-recommended")
        open_ = [option for option in options if not option.blocked_by]
        return next((option for option in open_ if option.runnable), open_[0])
    if name.isdigit():
        for option in options:
            if option.rank == int(name):
                return option
    named = [
        option for option in options if name in (option.method, option.approach, option.variant)
    ]
    for option in sorted(named, key=lambda option: not option.runnable):
        return option
    known = [str(o.method or o.approach) for o in options]
    near = ", ".join(did_you_mean(name, known)) or ", ".join(known)
    raise UsageError("option-unknown", name=name, near=near)


def executor_for(option: Option) -> str:
    """The executor that carries an option out.

    Raises:
        MachineError: this version has none for it.
    """
    tuned = option.approach == "fine_tuning"
    name = METHODS.get(option.method or "") if tuned else EXECUTORS.get(option.approach)
    if option.approach == "rag" and not option.runnable:
        raise MachineError("pairs-not-searchable")
    if option.variant == "whole_corpus" and not option.runnable:
        raise MachineError("whole-corpus-model")
    if name is None or not option.runnable:
        named = str(option.method or option.variant or option.approach)
        raise MachineError("option-not-runnable", name=named)
    return name


def make_plan(
    option: Option,
    needs: Needs,
    answers: Answers,
    *,
    out: Path,
    settings: Mapping[str, Scalar],
    recommended: str | None = None,
    place: str | None = None,
) -> Plan:
    """Build and seal the plan that `apply` will run, with data named relative to `out`.

    Args:
        settings: plan settings the user named, such as `rag.answer`; they win over defaults.
        place: where it runs; only `local` is executed by this version.

    Raises:
        UsageError: the option cannot be run, a setting is unknown or impossible, or the road
            needs data and none was named.
    """
    if place not in (None, *PLACES):
        raise UsageError("place-not-here", place=place)
    executor = executor_for(option)
    config, why = configure(executor, option, needs, settings)
    data_path = answers.value("data.path")
    inputs: tuple[PlanInput, ...] = ()
    if data_path:
        inputs = (_input("data", Path(str(data_path)), out.parent),)
    elif executor != "prompting":
        raise UsageError("data-needed", option=str(option.method or option.approach))
    for role, setting in OWN_FILES.items():
        named = str(config.get(setting, ""))
        if named not in ("", *load("settings")[setting].values):
            inputs += (_input(role, Path(named), out.parent),)
    plan = Plan(
        executor=executor,
        approach=option.approach,
        method=option.method,
        variant=option.variant,
        place=place or "local",
        language=needs.language,
        goal=needs.goal,
        config=config,
        config_why=why,
        inputs=inputs,
        steps=STEPS[executor],
        estimates=_estimates(option, config, needs),
        limits={
            key: float(config[f"limits.{key}"])
            for key in ("hours", "jpy")
            if float(config.get(f"limits.{key}", 0) or 0) > 0
        },
        expected_machine=_expected(needs.machine),
        answers={a.id: a.value for a in answers if a.id != "data.path"},
        recommended=recommended,
        knowledge=stamp(),
        okakae_version=version("okakae"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return seal(plan)


def _estimates(option: Option, config: Mapping[str, Scalar], needs: Needs) -> dict[str, Estimate]:
    """The option's estimates, made again for another model or another length of the training."""
    from advisor.estimate import EPOCHS, estimates_for_option

    estimates = option.estimates
    model, epochs = str(config.get("model", option.base_model)), _epochs(config, needs)
    other = model != option.base_model or epochs not in (None, EPOCHS)
    if other and not config.get("endpoint.url"):
        named = (option.approach, option.method, model, needs)
        estimates = estimates_for_option(*named, epochs=epochs or EPOCHS)
    if config.get("prompting.search_calls") and option.variant != "whole_corpus":
        from advisor.estimate.searching import with_search

        estimates = with_search(estimates, config, needs)
    return {key: _finite(value) for key, value in estimates.items()}


def _epochs(config: Mapping[str, Scalar], needs: Needs) -> float | None:
    """How often a tuning sees every example, where a limit of its steps is the tighter one."""
    if "finetune.epochs" not in config:
        return None
    epochs, steps = float(config["finetune.epochs"]), int(config.get("finetune.max_steps", 0))
    if steps and needs.n_examples:
        rows = int(config["finetune.batch_size"]) * int(config["finetune.grad_accum"])
        epochs = min(epochs, steps * rows / needs.n_examples)
    return epochs


def seal(plan: Plan) -> Plan:
    """The plan with the SHA-256 over everything that decides what will happen.

    The date of making is left out: planning the same thing twice gives the same seal.
    """
    content = asdict(plan)
    del content["seal"], content["created"]
    return replace(plan, seal=sha256_bytes(canonical(content)))


def load_plan(path: Path) -> Plan:
    """Read a plan file; its form is checked here, its seal by `verify`."""
    return read_json(path, Plan)


def save_plan(plan: Plan, path: Path) -> None:
    write_json(path, plan)


def data_root(plan: Plan, folder: Path) -> Path | None:
    """Where the plan's data lies, seen from the plan's own folder."""
    return input_path(plan, folder, "data")


def input_path(plan: Plan, folder: Path, role: str) -> Path | None:
    """Where the plan's input of this role lies; None where it has none."""
    for entry in plan.inputs:
        if entry.role == role:
            return (folder / entry.path).resolve()
    return None


def verify(plan: Plan, folder: Path, machine: MachineFacts | None = None) -> list[Drift]:
    """Everything that is no longer as it was planned; empty when the plan may run."""
    drifts: list[Drift] = []
    sealed = seal(plan).seal
    if sealed != plan.seal:
        drifts.append(Drift("seal", plan.seal[:12] or "-", sealed[:12], "drift.edited"))
    for entry in plan.inputs:
        path = folder / entry.path
        if not path.exists():
            drifts.append(Drift(entry.path, entry.digest[:12], "-", "drift.data-missing"))
            continue
        digest, files, size = tree_digest(path)
        if digest != entry.digest:
            drifts.append(
                Drift(
                    entry.path,
                    f"{entry.digest[:12]} ({entry.files} files, {entry.bytes:,} B)",
                    f"{digest[:12]} ({files} files, {size:,} B)",
                    "drift.data-changed",
                )
            )
    current = stamp()
    if plan.knowledge.sha256 != current.sha256:
        # Prices and rules moved; the work itself is fixed by the plan, so this is only told.
        drifts.append(
            Drift(
                "knowledge",
                f"{plan.knowledge.version} {plan.knowledge.sha256[:12]}",
                f"{current.version} {current.sha256[:12]}",
                "drift.knowledge",
            )
        )
    planned_gpu = plan.expected_machine.get("gpu")
    if machine is not None and planned_gpu not in (None, now_gpu := _gpu_name(machine)):
        drifts.append(Drift("gpu", str(planned_gpu), now_gpu, "drift.machine"))
    return drifts


def blocking(drifts: list[Drift]) -> list[Drift]:
    """The drifts that forbid applying; newer prices and rules alone do not."""
    return [drift for drift in drifts if drift.effect != "drift.knowledge"]


def tree_digest(path: Path) -> tuple[str, int, int]:
    """SHA-256 over relative names and contents of the files that would be read below `path`.

    The same walk as the reader's: hidden files, and plans, answers and runs that lie among the
    data, are no part of it, so that writing them there leaves the plan valid.

    Returns:
        The digest, the number of files and their size in bytes.
    """
    from knowledge.corpus.source import name_below
    from knowledge.corpus.walking import walk

    root = path if path.is_dir() else path.parent
    named = [(name_below(file, root), file) for file in walk(path)]
    digest, count, size = hashlib.sha256(), 0, 0
    # Sorted as text: paths themselves sort differently on Windows.
    for relative, file in sorted(named):
        digest.update(f"{relative}\0{sha256_file(file)}\n".encode())
        count += 1
        size += file.stat().st_size
    return digest.hexdigest(), count, size


def _input(role: str, path: Path, folder: Path) -> PlanInput:
    if not path.exists():
        raise UsageError("path-missing", where=str(path), path=str(path))
    digest, files, size = tree_digest(path)
    try:
        relative = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # Windows: another drive has no relative path
        relative = str(path.resolve())
    return PlanInput(role, Path(relative).as_posix(), digest, files, size)


def _expected(machine: MachineFacts | None) -> dict[str, Scalar]:
    if machine is None:
        return {}
    return {
        "gpu": _gpu_name(machine),
        "vram_gib": round(machine.gpus[0].vram_gib, 1) if machine.gpus else 0.0,
        "cpu_cores": machine.cpu_cores,
        "ram_gib": round(machine.ram_gib, 1),
    }


def _gpu_name(machine: MachineFacts) -> str:
    return machine.gpus[0].name if machine.gpus else "none"


def _finite(estimate: Estimate) -> Estimate:
    """The estimate in floats only: 3 and 3.0 are equal, but not under a seal."""
    numbers = (estimate.low, estimate.likely, estimate.high, *(t.value for t in estimate.terms))
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"estimate without an end: {estimate}")
    return replace(
        estimate,
        low=float(estimate.low),
        likely=float(estimate.likely),
        high=float(estimate.high),
        terms=tuple(replace(term, value=float(term.value)) for term in estimate.terms),
    )
