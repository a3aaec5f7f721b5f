"""The state of a tuning on disk, so that a run that was killed goes on where it stood."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.files import replacing

TENSORS = "state.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq")


class Checkpoint:
    """Weights, AdamW's moments and the step in one file that is whole or not there."""

    def __init__(self, folder: Path, parameters: Mapping[str, Any], optimiser: Any) -> None:
        self._file = folder / TENSORS
        self._parameters, self._optimiser = parameters, optimiser

    def save(self, step: int) -> None:
        from safetensors.torch import save

        tensors = {}
        for name, parameter in self._parameters.items():
            tensors[f"weight/{name}"] = parameter.detach().contiguous()
            for moment in _MOMENTS:
                kept = self._optimiser.state[parameter].get(moment)
                if kept is not None:
                    tensors[f"{moment}/{name}"] = kept.contiguous()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as stream:
            stream.write(save(tensors, {"step": json.dumps(step)}))

    def restore(self) -> int:
        """Put the saved state back; the step it stood at, 0 where nothing readable is saved."""
        import torch
        from safetensors import SafetensorError, safe_open

        if not self._file.is_file():
            return 0
        try:
            with safe_open(self._file, "pt") as stored:
                step = int(json.loads(stored.metadata()["step"]))
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}
        except (OSError, ValueError, KeyError, SafetensorError):
            return 0
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(tensors[f"weight/{name}"])
                if all(f"{moment}/{name}" in tensors for moment in _MOMENTS):
                    self._optimiser.state[parameter] = {
                        "step": torch.tensor(float(step)),
                        **{m: tensors[f"{m}/{name}"].to(parameter.device) for m in _MOMENTS},
                    }
        return step

    def forget(self) -> None:
        shutil.rmtree(self._file.parent, ignore_errors=True)
