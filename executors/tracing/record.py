"""What a training really took, beside what the formula says of exactly that set-up; kept for later.

The manifest gets it as actuals; the user's own file of measurements gets it as a record from
which later estimates learn (advisor/estimate/calibration.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.errors import UsageError
from advisor.estimate import own_runs
from advisor.estimate.memory import training_memory
from advisor.estimate.settings import EstimateSettings
from advisor.estimate.shapes import Shapes, find_shapes
from advisor.types import Method, Scalar
from executors.hardware import peak_ram_gib
from executors.models import LoadedModel
from executors.tracing.counters import cuda_peaks, start_cuda_peaks, used_by_card

if TYPE_CHECKING:
    from executors.finetune.recipe import Trained
    from executors.finetune.rows import Rows


class Watched:
    """Counts the peaks of one training from before its model is loaded."""

    def __init__(self) -> None:
        import torch

        fresh = not torch.cuda.is_initialized()
        # Once this process has used a card, what others hold there can no longer be told apart.
        self._others = used_by_card() if fresh else {}
        if torch.cuda.is_available():
            start_cuda_peaks(None)

    def peaks(self, loaded: LoadedModel) -> dict[str, float]:
        """GiB by counter so far; on a CPU the process's peak resident memory."""
        if loaded.device.type == "cuda":
            return cuda_peaks(loaded.device, self._others)
        return {"device": peak_ram_gib()}


def training_actuals(
    peaks: Mapping[str, float], loaded: LoadedModel, rows: Rows, trained: Trained, per_step: int
) -> dict[str, float]:
    """The measures of a manifest; `peak_vram_gib` stands beside the estimate `vram_gib`.

    Args:
        per_step: examples of one optimiser step.
    """
    found = {"seconds_per_step": trained.seconds_per_step}
    if trained.seconds_per_step:
        mean = sum(len(row.input_ids) for row in rows.rows) / len(rows.rows)
        found["tokens_per_second"] = per_step * mean / trained.seconds_per_step
    if loaded.device.type != "cuda":
        return found | {"training_ram_gib": peaks["device"]}
    counted = {f"peak_vram_{name}_gib": gib for name, gib in peaks.items() if name != "device"}
    return found | counted | {"peak_vram_gib": peaks["device"]}


def keep(
    config: Mapping[str, Scalar],
    method: Method,
    loaded: LoadedModel,
    rows: Rows,
    peaks: Mapping[str, float],
    actuals: Mapping[str, float],
) -> bool:
    """Append the training to the user's own measurements; False where that was not possible."""
    if method == "encoder" or loaded.device.type not in ("cpu", "cuda"):
        return False
    try:
        shapes = _shapes(loaded)
    except UsageError:
        return False
    on_card = loaded.device.type == "cuda"
    settings = EstimateSettings(
        model=shapes.id,
        method=method,
        seq_len=rows.longest,
        batch_size=int(config["finetune.batch_size"]),
        grad_accum=int(config["finetune.grad_accum"]),
        lora_rank=int(config["finetune.rank"]),
        targets=str(config["finetune.targets"]),
        gradient_checkpointing=bool(config["finetune.gradient_checkpointing"]),
        optimizer=str(config["finetune.optimizer"]),
        attention=_attention(loaded),
        tokens_per_example=max(1, sum(len(r.input_ids) for r in rows.rows) // len(rows.rows)),
        device="cuda" if on_card else "cpu",
        lora_dropout=float(config["finetune.dropout"]),
    )
    record = own_runs.record_of(
        shapes,
        settings,
        training_memory(shapes, settings).estimate,
        kind="run",
        date=datetime.now(UTC).date().isoformat(),
        machine=own_runs.here(),
        precision=str(loaded.dtype).removeprefix("torch."),
        gpu=_card(loaded) if on_card else "",
        peaks={name: round(gib, 4) for name, gib in peaks.items()},
        seconds_per_step=round(actuals["seconds_per_step"], 4),
        tokens_per_s=round(actuals.get("tokens_per_second", 0.0), 2),
    )
    return own_runs.append(record)


def _shapes(loaded: LoadedModel) -> Shapes:
    """By the name it was asked for where the catalog knows it, else by its own config."""
    try:
        return find_shapes(loaded.source)
    except UsageError:
        shapes = find_shapes(str(loaded.folder))
        # A hub's folder is named by a commit: the id says more.
        named = not Path(loaded.source).exists()
        return replace(shapes, id=loaded.source) if named else shapes


def _attention(loaded: LoadedModel) -> str:
    used = str(getattr(loaded.model.config, "_attn_implementation", "sdpa"))
    return used if used in ("sdpa", "eager") else "sdpa"


def _card(loaded: LoadedModel) -> str:
    import torch

    return torch.cuda.get_device_name(loaded.device)
