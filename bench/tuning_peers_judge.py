"""The held-out loss of saved adapters, by one and the same code: FOLDER OUT [ADAPTER …].

The base in fp32, every row by itself so that there is no padding, torch's own cross-entropy over
the answer's tokens. OUT gets a list per adapter, the base alone first: each row's loss, summed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from executors.finetune.rows import IGNORED
from executors.models import load


def row_losses(model: Any, rows: list[dict[str, Any]]) -> list[float]:
    import torch

    found = []
    with torch.no_grad():
        for row in rows:
            labels = torch.tensor(row["labels"][1:])
            logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
            told = torch.nn.functional.cross_entropy(
                logits.float(), labels, ignore_index=IGNORED, reduction="sum"
            )
            found.append(float(told))
    return found


def main() -> None:
    from peft import PeftModel

    folder, out, adapters = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))["held_out"]
    base = load(settings["model"], dtype="float32", device="cpu").model
    losses = [row_losses(base, rows)]
    for adapter in adapters:
        tuned = PeftModel.from_pretrained(base, adapter).eval()
        losses.append(row_losses(tuned, rows))
        base = tuned.unload()
    out.write_text(json.dumps(losses), encoding="utf-8")


if __name__ == "__main__":
    main()
