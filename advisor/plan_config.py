"""The settings of a plan: each with its value and the reason for it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

from advisor.errors import Fault, UsageError
from advisor.texts import t
from advisor.types import Needs, Option, Scalar
from knowledge.catalog.loader import did_you_mean, find_model, load
from knowledge.catalog.records import Setting

_PYTHON_TYPES = {"text": str, "integer": int, "number": (int, float), "yes_no": bool}
_EVERY = ("model", "weights", "generate", "data", "judge", "limits", "seed")
GROUPS = {
    "prompting": (*_EVERY, "endpoint", "prompting"),
    "rag": (*_EVERY, "endpoint", "rag"),
    "finetune": (*_EVERY, "finetune"),
    # It answers with what it tuned: no endpoint.
    "hybrid": (*_EVERY, "rag", "finetune", "hybrid"),
    # No generator: its model is the embedder, which has a setting of its own.
    "encoder": ("encoder", "data", "judge", "limits", "seed"),
}


def configure(
    executor: str, option: Option, needs: Needs, overrides: Mapping[str, Scalar]
) -> tuple[dict[str, Scalar], dict[str, str]]:
    """Every setting of the executor with its value and why it has it.

    The user's word wins, then what the needs imply, then the catalog's default.

    Raises:
        UsageError: unknown or impossible settings, all of them named.
    """
    known = load("settings")
    overrides, faults = read_settings(overrides, known)
    if faults:
        raise UsageError("settings-wrong", faults=tuple(faults), n=len(faults))
    implied = _implied(executor, option, needs, overrides)
    config: dict[str, Scalar] = {}
    why: dict[str, str] = {}
    for id_, setting in known.items():
        if id_.split(".")[0] not in GROUPS[executor]:
            continue
        if id_ in overrides:
            config[id_], why[id_] = overrides[id_], t("plan.why.user")
        elif id_ in implied:
            config[id_], why[id_] = implied[id_]
        else:
            config[id_], why[id_] = setting.default, t("plan.why.default")
    held = float(config["data.test_share"]) + float(config["data.validation_share"])
    if held >= 1.0:
        share = (("value", f"{held:g}"),)
        fault = Fault("shares-leave-nothing", "data.test_share + data.validation_share", share)
        raise UsageError("settings-wrong", faults=(fault,), n=1)
    return config, why


def read_settings(
    overrides: Mapping[str, Scalar], known: Mapping[str, Setting]
) -> tuple[dict[str, Scalar], list[Fault]]:
    """The user's settings in their own types, and everything wrong with them."""
    values: dict[str, Scalar] = {}
    faults: list[Fault] = []
    for id_, given in overrides.items():
        setting = known.get(id_)
        if setting is None:
            near = ", ".join(did_you_mean(id_, known)) or "-"
            faults.append(Fault("setting-unknown", id_, (("near", near),)))
            continue
        try:
            values[id_] = _typed(given, setting)
        except (ValueError, OverflowError):
            faults.append(Fault("setting-not-a", id_, (("value", given), ("type", setting.type))))
            continue
        if fault := _fault(id_, values[id_], setting):
            faults.append(fault)
    return values, faults


def _typed(given: Scalar, setting: Setting) -> Scalar:
    """`given` as the setting's type; a string from a flag is read, anything else converted."""
    if setting.type == "text":
        return str(given)
    if setting.type == "yes_no":
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        word = str(given).strip().lower()
        if word not in words:
            raise ValueError(word)
        return words[word]
    number = float(given)
    if setting.type == "integer":
        if number != int(number):
            raise ValueError(given)
        return int(number)
    return number


def _fault(id_: str, value: Scalar, setting: Setting) -> Fault | None:
    if setting.choices and value not in setting.choices:
        allowed = ", ".join(map(str, setting.choices))
        return Fault("setting-not-a-choice", id_, (("value", value), ("allowed", allowed)))
    if setting.type in ("integer", "number"):
        number = float(value)
        low = number if setting.min is None else setting.min
        high = number if setting.max is None else setting.max
        if not low <= number <= high:
            values = (("value", value), ("low", low), ("high", high))
            return Fault("setting-out-of-range", id_, values)
    return None


def _implied(
    executor: str, option: Option, needs: Needs, overrides: Mapping[str, Scalar]
) -> dict[str, tuple[Scalar, str]]:
    if executor == "encoder":
        return {}
    values: dict[str, tuple[Scalar, str]] = {"model": _model(option, needs)}
    if executor in ("finetune", "hybrid"):
        values |= _by_examples(needs, str(option.method))
        if not needs.vram_gib:
            # Recomputing activations saves GPU memory; RAM is seldom what a CPU run lacks.
            reason = t("plan.why.cpu-no-checkpointing")
            values["finetune.gradient_checkpointing"] = (False, reason)
    if executor == "hybrid":
        values |= _with_passages(needs, overrides)
    here = "endpoint.url" not in overrides
    if executor == "rag" and here and values["model"][0] == "starter":
        # The 270M starter garbles what it is given (bench/LOG.md); quoting does not.
        values["rag.answer"] = ("extractive", t("plan.why.starter-quotes"))
    return values


def _with_passages(needs: Needs, overrides: Mapping[str, Scalar]) -> dict[str, tuple[Scalar, str]]:
    """Rows long enough for the passages that stand in them, and how they are tuned on.

    A passage is measured in the embedder's tokens; a language model of another vocabulary needs
    up to half as many again, and the instruction, question and answer some hundreds.
    """
    known = load("settings")
    shown, each = (
        int(overrides.get(id_, known[id_].default)) for id_ in ("rag.top_k", "rag.chunk_tokens")
    )
    values: dict[str, tuple[Scalar, str]] = {
        "finetune.seq_len": (
            math.ceil((1.5 * shown * each + 512) / 256) * 256,
            t("plan.why.passages-in-rows", n=shown),
        )
    }
    if not needs.vram_gib:
        values["hybrid.method"] = ("lora", t("plan.why.cpu-lora"))
    return values


def _model(option: Option, needs: Needs) -> tuple[Scalar, str]:
    """The base model that can really be used here now, and why this one."""
    if needs.model:
        return needs.model, t("plan.why.user")
    wanted = option.base_model
    if wanted is None or wanted == "starter":
        return "starter", t("plan.why.starter")
    if not needs.vram_gib:
        return "starter", t("plan.why.no-gpu", model=wanted)
    return wanted, t("plan.why.recommended")


def in_hub_cache(model: str) -> bool:
    """Whether a hub model already lies in the Hugging Face cache of this machine."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    folder = cache / f"models--{model.replace('/', '--')}" / "snapshots"
    return folder.is_dir() and any(folder.iterdir())


def _by_examples(needs: Needs, method: str) -> dict[str, tuple[Scalar, str]]:
    """Rank, rate, epochs and batch by the number of examples.

    Sources: QLoRA (arXiv 2305.14314), LoRA Learns Less and Forgets Less (arXiv 2405.09673),
    LoRA Without Regret (thinkingmachines.ai 2025), Unsloth's and TRL's published recipes; no
    source tests 100–300 rows in Japanese, so small sets get the gentlest end of each range.
    """
    n = needs.n_examples or 0
    rank, accumulate = rank_and_accumulation(n)
    alpha, rate, epochs = 2 * rank, 2e-4, 3
    reason = t("plan.why.by-examples", n=n)
    model = find_model(needs.model) if needs.model else None
    if model is not None and model.params > 13_000_000_000:
        rate = 1e-4
    if method == "full":
        rate /= 10  # LoRA wants about ten times the rate of full tuning (LoRA Without Regret)
    return {
        "finetune.rank": (rank, reason),
        "finetune.alpha": (alpha, reason),
        "finetune.learning_rate": (rate, reason),
        "finetune.epochs": (epochs, reason),
        "finetune.batch_size": (4, reason),
        "finetune.grad_accum": (accumulate, reason),
    }


def rank_and_accumulation(n_examples: int) -> tuple[int, int]:
    """LoRA's rank, and how many batches of four make one step, for so many examples."""
    if n_examples < 300:
        return 16, 1
    return (16, 2) if n_examples < 1000 else (32, 4)
