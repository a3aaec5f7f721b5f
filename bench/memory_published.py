"""Holds the closed forms against published peaks: PEFT's runs as a check, other systems as a band.

Every row keeps its own counter and unit. A row that misses by more than 15 % carries the reason
class that its own record names; a row whose settings are not published in full is not used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from advisor.estimate import EstimateSettings, Memory, find_shapes, training_memory
from advisor.estimate.memory import CONTEXT_GIB
from bench.machine import save
from bench.memory_errors import grouped, statistics_of
from bench.memory_record import GIB
from knowledge.catalog.loader import load
from knowledge.catalog.records import Measurement

NAME = "memory_published"
GOALS = {"median": 0.03, "worst": 0.10, "coverage": 0.90}
EXPLAIN_FROM = 0.15
METHODS = ("full", "lora", "qlora")
# Terms that stand in memory together whatever the batch.
STANDING = ("weights", "adapters", "gradients", "optimizer_states")
# Until 0.43.2 it kept the inputs of frozen 4-bit layers: 10.1 GB for 1,024 tokens of a 70B model
# (bitsandbytes' own changelog).
OLD_BITSANDBYTES = re.compile(r"\b(bnb|bitsandbytes) 0\.(3\d|4[0-2])\b")
# LitGPT's names for the parts of a layer, in the order of the shapes' linear layers.
ATTENTION_IN, ATTENTION_OUT, MLP = ("query", "key", "value"), ("projection",), ("mlp",)
SHORT = {"q": "query", "v": "value", "c_attn": "query,key,value"}


def usable(row: Measurement) -> bool:
    """One card, one of our methods, and method, length and batch all published."""
    return (
        row.method in METHODS
        and row.peak is not None
        and row.gpus == 1
        and bool(row.seq_len and row.micro_batch)
        and row.model in load("models")
    )


def settings_of_row(row: Measurement) -> EstimateSettings:
    """The published set-up as `okakae estimate` is asked about it: a plain loop, full logits.

    Raises:
        ValueError: the row's own settings are not published in full (`usable`).
    """
    if row.seq_len is None or row.micro_batch is None:
        raise ValueError(row.id)
    return EstimateSettings(
        model=row.model,
        method=row.method,  # type: ignore[arg-type]
        seq_len=min(row.seq_len, load("models")[row.model].max_context),
        batch_size=row.micro_batch,
        lora_rank=row.rank or 8,
        targets=targets_of(row),
        gradient_checkpointing=row.gradient_checkpointing is True,
        optimizer="sgd" if row.optimizer == "SGD" else "adamw_torch",
        attention="eager" if "eager attention" in row.note else "sdpa",
        loss="full",
        gpus=1,
        double_quant="dq" in row.precision,
    )


def targets_of(row: Measurement) -> str:
    """The adapters' layers in the model's own names; q and v, LitGPT's default, if none is said."""
    if row.method == "full" or row.targets.lower().startswith("all"):
        return "all-linear"
    shapes = find_shapes(row.model)
    known = {linear.name for linear in shapes.linears}
    given = [part.strip() for part in row.targets.split(",") if part.strip()]
    if given and set(given) <= known:
        return ",".join(given)
    said = {word for part in given for word in SHORT.get(part, part).split(",")}
    said = said or {"query", "value"}
    inward, outward = shapes.attention_linears[:-1], shapes.attention_linears[-1]
    if len(inward) == 1:
        chosen = [inward[0].name] if said & set(ATTENTION_IN) else []
    else:
        parts = zip(ATTENTION_IN, inward, strict=True)
        chosen = [linear.name for part, linear in parts if part in said]
    chosen += [outward.name] * bool(said & set(ATTENTION_OUT))
    chosen += [linear.name for linear in shapes.mlp_linears] * bool(said & set(MLP))
    return ",".join(dict.fromkeys(chosen))


def counted_as(row: Measurement, memory: Memory) -> tuple[float, float, float]:
    """Low, likely and high of the counter that the row was read from.

    Where a source does not say which counter it shows, `device` is taken: what a person reads
    off the driver's tool.
    """
    estimate = memory.estimate
    low, high = estimate.low - CONTEXT_GIB[0], estimate.high - CONTEXT_GIB[2]
    if row.counter == "reserved":
        return low, memory.reserved, high
    if row.counter in ("allocated", "active"):
        return low, memory.allocated, high
    return estimate.low, memory.device, estimate.high


def against(row: Measurement) -> dict[str, Any]:
    memory = training_memory(find_shapes(row.model), settings_of_row(row))
    low, likely, high = counted_as(row, memory)
    measured = in_gib(row)
    error = likely / measured - 1
    return {
        "name": row.id,
        "system": system_of(row),
        "family": find_shapes(row.model).model_type,
        "method": row.method,
        "counter": row.counter,
        "measured_gib": round(measured, 3),
        "estimated_gib": round(likely, 3),
        "error": round(error, 4),
        "low_gib": round(low, 3),
        "high_gib": round(high, 3),
        "inside": low <= measured <= high,
        "half_width": round((high - low) / (high + low), 4),
        "counted": find_shapes(row.model).counted,
        "why": reason(row, memory, error) if abs(error) > EXPLAIN_FROM else "",
    }


def system_of(row: Measurement) -> str:
    """The training system without its versions."""
    return row.system.split("/")[0].split(",")[0].split(" ")[0].lower()


def reason(row: Measurement, memory: Memory, error: float) -> str:
    """The class of a miss, read from the row's own record; the first that applies.

    A cap of the length explains an estimate that is too high, never one that is too low.
    """
    standing = sum(term.value for term in memory.estimate.terms if term.name in STANDING)
    if row.peak is not None and standing > in_gib(row):
        return "below its own weights, gradients and states"
    if not find_shapes(row.model).counted:
        return "architecture not counted"
    if error < 0 and row.method == "qlora" and OLD_BITSANDBYTES.search(row.system):
        return "bitsandbytes before 0.43.2"
    if "compiled" in row.note or "packed" in row.note:
        return "compiled and packed"
    if row.gradient_checkpointing is None and not row.system.lower().startswith("litgpt"):
        return "checkpointing not stated"
    if error > 0 and "is a cap" in row.note:
        return "length is a cap"
    return "counter not stated" if row.counter == "unstated" else "other implementation"


def in_gib(row: Measurement) -> float:
    return (row.peak or 0.0) * (1e9 / GIB if row.unit == "GB" else 1.0)


def is_check(row: Measurement) -> bool:
    """PEFT's own benchmark on this stack: one card, full, LoRA, 4 x 768."""
    return row.system.startswith("PEFT/") and row.calibrate and row.seq_len == 768


def figures() -> dict[str, Any]:
    rows = [row for row in load("measurements").values() if usable(row)]
    check = [against(row) for row in rows if is_check(row)]
    others = [against(row) for row in rows if not is_check(row)]
    sound = [row for row in others if row["counted"] and row["counter"] != "unstated"]
    return {
        "goals": GOALS,
        "check": statistics_of(check),
        "check_rows": check,
        "others": statistics_of(others),
        "others_with_counter": statistics_of(sound),
        "others_by_system": grouped(others, lambda row: row["system"]),
        "others_by_why": grouped([row for row in others if row["why"]], lambda row: row["why"]),
        "all": statistics_of(check + others),
        "other_rows": others,
    }


def show(found: dict[str, Any]) -> None:
    print("PEFT, Llama-3.2-3B, 4 x 768, reserved")
    table(found["check_rows"])
    print("\nOther systems (a sanity band; the reason where a row is off by more than 15 %)")
    table(found["other_rows"])
    for name in ("check", "others_with_counter", "others", "all"):
        stats = found[name]
        print(
            f"{name:22} n {stats['n']:3}  median {stats['median']:.1%}  worst "
            f"{stats['worst']:+.1%}  inside {stats['coverage']:.0%}  ± {stats['half_width']:.1%}"
        )


def table(rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        inside = "inside" if row["inside"] else "OUTSIDE"
        print(
            f"{row['name']:58}{row['counter']:10}{row['measured_gib']:8.2f}"
            f"{row['estimated_gib']:8.2f}{row['error']:+8.1%}  {inside:8}{row['why']}"
        )


def main() -> None:
    found = figures()
    show(found)
    print(save(NAME, found))


if __name__ == "__main__":
    main()
