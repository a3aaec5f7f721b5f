"""Proof that a training learned something and that what it learned is what will be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.errors import RunError
from advisor.types import Method
from executors.base import Context
from executors.models import LoadedModel, Tokenizer
from executors.template import PLAIN_TEMPLATE

if TYPE_CHECKING:
    from executors.finetune.recipe import Trained
    from executors.finetune.rows import Row
    from executors.rundir import RunDir

ADAPTER = "adapter"
SAMPLED = 256
"""Numbers of each trained tensor that are compared with those before the training."""
ASKED = 4
LONGEST_ANSWER = 160
ROOM = 16
"""Tokens beyond the trained answer in which a model must have ended its own."""


def sample(model: Any) -> dict[str, Any]:
    """The first numbers of every tensor that will be trained, to be compared afterwards."""
    return {
        name: parameter.detach().flatten()[:SAMPLED].clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def moved(model: Any, before: Mapping[str, Any]) -> float:
    """The share of trained tensors whose sample is no longer what it was."""
    now = sample(model)
    changed = sum(
        not bool((now[name] == old.to(now[name].dtype)).all()) for name, old in before.items()
    )
    return changed / max(1, len(before))


def prove_learned(trained: Trained, method: Method) -> dict[str, float]:
    """Figures that show the training changed the model.

    Returns:
        The share of trained tensors that moved, and the held-out loss before and after.

    Raises:
        RunError: `adapter-unchanged` or `weights-unchanged`: the model is still what it was at
            the start ("it ran, nothing changed").
    """
    proof = {
        "eval_loss_first": trained.first_eval_loss,
        "eval_loss_best": trained.best_eval_loss,
        "tensors_moved": trained.moved,
    }
    if method == "full":
        if not trained.moved:
            raise RunError("weights-unchanged", steps=trained.steps)
        return proof
    # LoRA's B matrices start at zero: one that still is has learned nothing.
    matrices = [p for name, p in trained.model.named_parameters() if "lora_B" in name]
    nonzero = sum(bool(matrix.detach().abs().sum() > 0) for matrix in matrices)
    if not matrices or not nonzero:
        raise RunError("adapter-unchanged", steps=trained.steps)
    return proof | {"adapter_tensors_moved": nonzero / len(matrices)}


def prove_saved(model: Any, method: Method, artifacts: Path) -> dict[str, float]:
    """The number of adapter tensors in the saved file, each equal to the trained one."""
    if method == "full":
        return {}
    return {"adapter_tensors_saved": float(check_adapter(model, artifacts / ADAPTER))}


def check_adapter(model: Any, folder: Path) -> int:
    """Whether the adapter inside `model` is the one saved in `folder`; how many tensors it has.

    PEFT passes over tensors whose names it cannot place, with a warning at most: the model then
    answers as its base and nobody notices.

    Raises:
        RunError: `adapter-not-loaded`, with tensors in the file and those found in the model.
    """
    import torch
    from safetensors.torch import load_file

    saved = load_file(str(folder / "adapter_model.safetensors"))
    (name,) = model.active_adapters
    inside = {
        key.replace(f".{name}.", "."): tensor
        for key, tensor in model.state_dict().items()
        if "lora_" in key and f".{name}." in key
    }
    same = sum(
        key in inside and torch.equal(inside[key].float().cpu(), tensor.float())
        for key, tensor in saved.items()
    )
    alive = any(bool(tensor.abs().sum() > 0) for key, tensor in saved.items() if "lora_B" in key)
    if same != len(saved) or same != len(inside) or not alive:
        raise RunError("adapter-not-loaded", where=str(folder), found=len(saved), places=same)
    return same


def prove_answers(
    loaded: LoadedModel, rows: Sequence[Row], run: RunDir, context: Context
) -> dict[str, float]:
    """Ask a few training prompts, with the adapter and without.

    A model that answers as its base, or never ends an answer, is not refused: a short training
    of a weak model may do so. It is said by its name, on the screen and in the run.

    Returns:
        Prompts asked, answers that ended by themselves, and (with an adapter) those that differ.
    """
    from executors.generate import continue_rows

    chosen = [row for row in _by_answer(rows) if row.trained_tokens <= LONGEST_ANSWER][:ASKED]
    if not chosen:
        return {}
    prompts = [row.input_ids[: len(row.input_ids) - row.trained_tokens] for row in chosen]
    room = max(row.trained_tokens for row in chosen) + ROOM
    tuned = continue_rows(loaded, prompts, max_new_tokens=room)
    proof = {
        "answers_asked": float(len(chosen)),
        "answers_ended": float(sum(one.finish_reason == "stop" for one in tuned)),
    }
    if hasattr(loaded.model, "disable_adapter"):
        with loaded.model.disable_adapter():
            base = continue_rows(loaded, prompts, max_new_tokens=room)
        pairs = zip(tuned, base, strict=True)
        proof["answers_changed"] = float(sum(one.text != two.text for one, two in pairs))
    for name, fault in (
        ("answers_ended", "end-not-generated"),
        ("answers_changed", "answers-same"),
    ):
        if proof.get(name) == 0.0:
            run.event("proof-failed", fault=fault, asked=len(chosen))
            context.session.say(f"finetune.proof.{fault}", n=len(chosen))
    return proof


def _by_answer(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.trained_tokens, row.id))


def template_digest(tokenizer: Tokenizer) -> str:
    """SHA-256 of the chat template in use and the tokens that begin and end a text.

    The template and not what it renders: some write today's date.
    """
    template = tokenizer.chat_template or PLAIN_TEMPLATE
    ends = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    return hashlib.sha256(f"{template}\0{ends}".encode()).hexdigest()


def check_template(tokenizer: Tokenizer, about: Mapping[str, Any], where: Path) -> None:
    """Refuse to ask a tuned model in another form than it was trained in.

    Raises:
        RunError: `template-changed`.
    """
    trained_with = about.get("template_sha256")
    if trained_with is not None and trained_with != template_digest(tokenizer):
        raise RunError("template-changed", where=str(where))
