"""The CPU head gives TRL's own loss and gradients, and leaves alone what it does not know."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tiny import tiny_llama

from executors.finetune.answer_head import CHUNK_TOKENS, add_answer_head


def gemma2(soft_cap: float | None = 30.0) -> Any:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=259,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=512,
        final_logit_softcapping=soft_cap,
        pad_token_id=0,
        attn_implementation="eager",
    )
    model = Gemma2ForCausalLM(config)
    with torch.no_grad():  # scores wide enough for the cap to bend them
        model.model.embed_tokens.weight.mul_(20)
    return model


def trl_model(model: Any) -> Any:
    """`model` as SFTTrainer leaves it, with TRL's own fused head."""
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    return model


def batch(rows: int = 3, width: int = 2 * CHUNK_TOKENS) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(3, 259, (rows, width), generator=generator)
    labels = ids.clone()
    labels[:, :40] = -100
    labels[1, 90:] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


FAMILIES = {"llama": lambda: tiny_llama(context=512, hidden=32), "gemma2": gemma2}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("items", [None, 1000])
def test_values_and_gradients_are_those_of_trl(family: str, items: int | None) -> None:
    theirs = trl_model(FAMILIES[family]())
    ours = trl_model(copy.deepcopy(FAMILIES[family]()))
    assert add_answer_head(ours)
    extra = {} if items is None else {"num_items_in_batch": items}
    expected = theirs(**batch(), fused_lm_head=True, **extra)
    found = ours(**batch(), fused_lm_head=True, **extra)
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.log_probs, expected.log_probs, rtol=1e-4, atol=1e-5)
    assert torch.equal(found.is_top1, expected.is_top1)
    assert torch.equal(found.label_mask, expected.label_mask)
    expected.loss.backward()
    found.loss.backward()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert other.grad is not None, name
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-6, msg=name)


def test_the_loss_is_the_plain_cross_entropy_of_the_answer() -> None:
    model = tiny_llama(context=512, hidden=32)
    plain = model(**batch()).loss.item()
    trl_model(model)
    add_answer_head(model)
    assert model(**batch(), fused_lm_head=True).loss.item() == pytest.approx(plain, rel=1e-5)


def test_rows_without_an_answer_give_no_loss_and_no_crash() -> None:
    model = trl_model(tiny_llama(context=512, hidden=32))
    add_answer_head(model)
    inputs = batch()
    inputs["labels"] = torch.full_like(inputs["labels"], -100)
    loss = model(**inputs, fused_lm_head=True).loss
    assert loss.item() == 0


def test_calls_that_are_no_training_are_left_to_the_model() -> None:
    model = tiny_llama(context=512, hidden=32)
    inputs = batch()
    plain = model(**inputs)
    trl_model(model)
    add_answer_head(model)
    again = model(**inputs)
    torch.testing.assert_close(again.logits, plain.logits)
    torch.testing.assert_close(again.loss, plain.loss)


def test_a_family_that_scales_its_scores_keeps_trl_head() -> None:
    model = trl_model(tiny_llama(hidden=32))
    model.config.logits_scaling = 8.0
    before = model.forward
    assert not add_answer_head(model)
    assert model.forward == before
