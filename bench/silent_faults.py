"""Plants the faults that ruin a tuning in silence, one by one: which is caught, when, by what name?

`python -m bench silent_faults`. Every fault is planted where it happens to people – in a chat
template, a collator, a setting, a saved file – and the product's own path is then walked.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.tuning import SETTINGS, Bar, import_everything, tiny_base

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
CONFIG = SETTINGS | {"finetune.max_steps": 8, "finetune.eval_per_epoch": 1}


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault; `plant` walks the path and raises what the product says."""

    planted: str
    caught_by: str
    when: str
    plant: Callable[[Path, Path], None]


def examples(n: int = 48) -> list[Any]:
    from knowledge.corpus.types import Example

    return [
        Example(
            f"e{i}",
            "rewrite",
            f"{i}番の件。",
            f"{i}番の件、承知しました。" + "よ" * (i % 4),
            "",
            "",
        )
        for i in range(n)
    ]


def rows_with(template: str) -> list[Any]:
    """Rows as the recipe makes them with this template; raises what it refuses."""
    from tiny import byte_tokenizer

    from advisor.session import Session
    from executors.base import Context
    from executors.finetune.rehearsal import refuse_bad_rows
    from executors.finetune.rows import make_rows

    tokenizer = byte_tokenizer(chat_template=template)
    made = make_rows(examples(), tokenizer, "ja", 1024)
    context = Context(Session(lang="en", no_input=True, plain=True))
    refuse_bad_rows(made, len(examples()), context, tolerant=False)
    return made.rows


def train(base: Path, work: Path, **over: Any) -> Any:
    """A whole training of the recipe in this process."""
    from executors.finetune.recipe import train as recipe
    from executors.models import load, quiet_libraries

    made = rows_with(TEMPLATE)
    with quiet_libraries():
        loaded = load(str(base), purpose="train", dtype="float32", device="cpu")
        trained = recipe(
            loaded,
            "lora",
            CONFIG | over,
            made[:40],
            made[40:],
            checkpoints=work / "checkpoints",
            limit_hours=None,
            progress=Bar(),
            resume=False,
        )
    return loaded, trained


def template(replace: str, by: str) -> Callable[[Path, Path], None]:
    def plant(_base: Path, _work: Path) -> None:
        if replace not in TEMPLATE:
            raise ValueError(replace)
        rows_with(TEMPLATE.replace(replace, by))

    return plant


@contextmanager
def collator(change: Callable[[dict[str, Any]], None]) -> Any:
    """TRL's collator with a fault in what it returns."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    kept = DataCollatorForLanguageModeling.torch_call

    def torch_call(self: Any, rows: Any) -> Any:
        batch = kept(self, rows)
        change(batch)
        return batch

    DataCollatorForLanguageModeling.torch_call = torch_call  # type: ignore[method-assign]
    try:
        yield
    finally:
        DataCollatorForLanguageModeling.torch_call = kept  # type: ignore[method-assign]


def shifted(base: Path, work: Path) -> None:
    def shift(batch: dict[str, Any]) -> None:
        labels = batch["labels"]
        labels[:, :-1] = labels[:, 1:].clone()
        labels[:, -1] = -100

    with collator(shift):
        train(base, work)


def padding_is_end(base: Path, work: Path) -> None:
    """As `labels[labels == pad_token_id] = -100` does where padding is the end token."""

    def mask(batch: dict[str, Any]) -> None:
        batch["labels"][batch["input_ids"] == 2] = -100

    with collator(mask):
        train(base, work)


def rate_zero(base: Path, work: Path) -> None:
    from executors.finetune.proof import prove_learned

    _, trained = train(base, work, **{"finetune.learning_rate": 0.0})
    prove_learned(trained, "lora")


def not_loaded(base: Path, work: Path) -> None:
    """Saved under names that PEFT cannot place: it warns, and the base answers."""
    from peft import PeftModel
    from safetensors.torch import load_file, save_file

    from executors.finetune.proof import check_adapter
    from executors.models import load, quiet_libraries

    _, trained = train(base, work)
    folder = work / "adapter"
    trained.model.save_pretrained(str(folder))
    file = folder / "adapter_model.safetensors"
    renamed = {k.replace("model.layers", "layers"): v for k, v in load_file(str(file)).items()}
    save_file(renamed, str(file))
    with quiet_libraries():
        fresh = load(str(base), dtype="float32", device="cpu").model
        tuned = PeftModel.from_pretrained(fresh, str(folder))
    check_adapter(tuned, folder)


def template_changed(base: Path, work: Path) -> None:
    """Trained in one form, asked in another: the tokenizer's template was exchanged."""
    from tiny import byte_tokenizer

    from executors.finetune.proof import check_template, template_digest

    about = {"template_sha256": template_digest(byte_tokenizer(chat_template=TEMPLATE))}
    check_template(byte_tokenizer(chat_template=TEMPLATE.replace("<", "[")), about, work)


FAULTS: dict[str, Fault] = {
    "end token masked": Fault(
        "chat template without the end token after an answer",
        "end-not-trained",
        "before",
        template("{{ eos_token }}", ""),
    ),
    "template mismatch": Fault(
        "a thinking block in the prompt that training does not show",
        "template-mismatch",
        "before",
        template(
            "{% if add_generation_prompt %}<assistant>",
            "{% if add_generation_prompt %}<assistant><think>",
        ),
    ),
    "template exchanged after training": Fault(
        "the base's tokenizer has another template when the run is opened",
        "template-changed",
        "after",
        template_changed,
    ),
    "answers truncated": Fault(
        "answers cut to eight characters by the template",
        "answer-cut",
        "before",
        template("{{ m.content }}", "{{ m.content[:8] if m.role == 'assistant' else m.content }}"),
    ),
    "adapter not loaded": Fault(
        "tensors saved under names that PEFT cannot place",
        "adapter-not-loaded",
        "after",
        not_loaded,
    ),
    "learning rate 0": Fault("finetune.learning_rate=0", "adapter-unchanged", "after", rate_zero),
    "labels shifted": Fault(
        "a collator that shifts labels, as the loss does again", "labels-shifted", "before", shifted
    ),
    "padding = end token": Fault(
        "a collator that masks every padding token, which is the end token",
        "end-hidden-by-padding",
        "before",
        padding_is_end,
    ),
    "doubled BOS": Fault(
        "a template that writes the begin token twice",
        "begin-doubled",
        "before",
        template("{{ bos_token }}", "{{ bos_token }}{{ bos_token }}"),
    ),
}


def caught(fault: Fault, base: Path, work: Path) -> str:
    """The name under which the product refuses the fault; empty where it does not."""
    from advisor.errors import OkakaeError

    try:
        fault.plant(base, work)
    except OkakaeError as error:
        # Faults of rows are told together, each with its count.
        return str(error.values.get("reasons", error.ref)).split(" ")[0]
    return ""


def measure(base: Path, folder: Path) -> dict[str, Any]:
    found = {}
    for number, (name, fault) in enumerate(FAULTS.items()):
        said = caught(fault, base, folder / str(number))
        found[name] = {
            "planted": fault.planted,
            "caught": said,
            "right_name": said == fault.caught_by,
            "when": fault.when,
        }
        print(f"  {name}: {said or 'NOT CAUGHT'}", flush=True)
    _, trained = train(base, folder / "sound")
    return {
        "faults": found,
        "caught": sum(one["right_name"] for one in found.values()),
        "planted": len(found),
        "sound_run_passes": trained.best_eval_loss < trained.first_eval_loss,
    }


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import_everything()
    with tempfile.TemporaryDirectory(prefix="okakae-faults-") as folder:
        base = tiny_base(Path(folder, "base"))
        figures = measure(base, Path(folder))
    print(save("silent_faults", figures))


if __name__ == "__main__":
    main()
