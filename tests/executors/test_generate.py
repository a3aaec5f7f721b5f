"""What a user sees of generation: right answers in order, ends found, nothing cut in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import (
    BOS,
    EOS,
    TURN_END,
    TURNS_VOCAB,
    byte_tokenizer,
    memorise,
    save_tiny,
    tiny_llama,
    turns_tokenizer,
)

from advisor.errors import UsageError
from executors.generate import choice_logprobs, generate, mean_token_loss
from executors.models import LoadedModel, load
from executors.template import end_token_ids, render_chat


def asked(question: str) -> str:
    return render_chat(byte_tokenizer(), [{"role": "user", "content": question}])


ENDS = asked("a") + "番茶" + EOS
RAMBLES = asked("a longer one") + "green\n\n### User\nand then" + EOS
COUNTS = asked("n") + "0123456789" * 3 + EOS


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.set_num_threads(2)
    model, tokenizer = tiny_llama(), byte_tokenizer()
    memorise(model, tokenizer, [ENDS, RAMBLES, COUNTS])
    # As publishers ship it: sampling switched on. okakae must not follow.
    model.generation_config.do_sample = True
    model.generation_config.temperature = 5.0
    return load(str(save_tiny(tmp_path_factory.mktemp("m"), model, tokenizer)), dtype="float32")


PROMPTS = [asked("a"), asked("a longer one"), asked("n")]


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_every_prompt_gets_its_own_answer_whatever_the_batch(
    loaded: LoadedModel, batch_size: int
) -> None:
    found = generate(loaded, PROMPTS, max_new_tokens=40, batch_size=batch_size)
    assert [g.text for g in found] == ["番茶", "green", "0123456789" * 3]
    assert [g.finish_reason for g in found] == ["stop", "stop", "stop"]
    assert [g.tokens_in for g in found] == [
        len(loaded.tokenizer(p)["input_ids"]) - 1 for p in PROMPTS
    ]


def test_tokens_out_count_what_was_written_not_the_padding(loaded: LoadedModel) -> None:
    found = generate(loaded, PROMPTS, max_new_tokens=40, batch_size=3)
    assert found[0].tokens_out == len("番茶".encode()) + 1  # and the end token
    assert found[1].tokens_out == len("green\n\n###")
    assert found[2].tokens_out == 31


def test_an_answer_ends_at_its_templates_end_of_turn_though_the_end_token_is_another(
    tmp_path: Path,
) -> None:
    model, tokenizer = tiny_llama(vocab=TURNS_VOCAB), turns_tokenizer()
    prompt = render_chat(tokenizer, [{"role": "user", "content": "a"}])
    memorise(model, tokenizer, [f"{prompt}番茶{TURN_END}\nand on"])
    loaded = load(str(save_tiny(tmp_path, model, tokenizer)), dtype="float32")
    (found,) = generate(loaded, [prompt], max_new_tokens=20)
    assert (found.text, found.finish_reason) == ("番茶", "stop")
    assert end_token_ids(tokenizer) <= set(loaded.model.generation_config.eos_token_id)


def test_a_limit_reached_is_said(loaded: LoadedModel) -> None:
    (found,) = generate(loaded, [PROMPTS[2]], max_new_tokens=5)
    assert (found.text, found.finish_reason, found.tokens_out) == ("01234", "length", 5)


def test_stop_texts_of_the_caller_are_cut_off(loaded: LoadedModel) -> None:
    (found,) = generate(loaded, [PROMPTS[2]], max_new_tokens=40, stop=["789", "45"])
    assert (found.text, found.finish_reason) == ("0123", "stop")


def test_no_stop_texts_lets_a_base_model_ramble(loaded: LoadedModel) -> None:
    (found,) = generate(loaded, [PROMPTS[1]], max_new_tokens=40, stop=())
    assert "### User" in found.text


def test_sampling_follows_its_seed_and_leaves_the_random_state_alone(loaded: LoadedModel) -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one, same, other = (
        generate(loaded, PROMPTS[:1], max_new_tokens=20, temperature=9.0, seed=seed)[0].text
        for seed in (1, 1, 2)
    )
    assert one == same != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_model_in_training_is_handed_back_in_training(loaded: LoadedModel) -> None:
    loaded.model.train()
    loaded.model.config.use_cache = False
    try:
        generate(loaded, PROMPTS[:1], max_new_tokens=2)
        assert loaded.model.training and not loaded.model.config.use_cache
    finally:
        loaded.model.eval()
        loaded.model.config.use_cache = True


def test_prompts_that_do_not_fit_are_an_error_with_their_number(loaded: LoadedModel) -> None:
    with pytest.raises(UsageError) as caught:
        generate(loaded, [PROMPTS[0], "x" * 300], max_new_tokens=8)
    assert caught.value.ref == "prompts-too-long"
    assert caught.value.values["n"] == 1
    assert caught.value.values["longest"] == 300
    assert caught.value.values["room"] == 248


def test_cutting_from_the_left_needs_permission_and_keeps_begin_and_end(
    loaded: LoadedModel,
) -> None:
    narrow = replace(loaded, context_tokens=len(PROMPTS[0]) + 8)
    told: list[int] = []
    long = BOS + "x" * 30 + PROMPTS[0]
    begin_and_prompt = len(loaded.tokenizer(PROMPTS[0], add_special_tokens=False)["input_ids"])
    cut, whole = generate(narrow, [long, PROMPTS[0]], max_new_tokens=8, on_truncated=told.append)
    assert told == [1]
    assert cut.tokens_in == narrow.context_tokens - 8 > begin_and_prompt
    assert whole.tokens_in == begin_and_prompt


def test_choices_are_scored_as_the_model_alone_would(loaded: LoadedModel) -> None:
    choices = ["番茶", "green", "0"]
    found = choice_logprobs(loaded, PROMPTS[0], choices)
    for score, choice in zip(found, choices, strict=True):
        start = loaded.tokenizer(PROMPTS[0], add_special_tokens=False)["input_ids"]
        tail = loaded.tokenizer(choice, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([start + tail])
        with torch.no_grad():
            log_probs = loaded.model(input_ids=ids).logits[0].log_softmax(-1)
        want = sum(float(log_probs[len(start) - 1 + i, token]) for i, token in enumerate(tail))
        assert score == pytest.approx(want, abs=1e-3)
    assert found.index(max(found)) == 0
    per_token = choice_logprobs(loaded, PROMPTS[0], choices, per_token=True)
    assert per_token[1] == pytest.approx(found[1] / 5)


def test_mean_token_loss_equals_the_models_own_loss(loaded: LoadedModel) -> None:
    ids = loaded.tokenizer("some text", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        want = float(loaded.model(input_ids=ids, labels=ids).loss)
    assert mean_token_loss(loaded, ["some text"]) == pytest.approx(want, abs=1e-4)


def test_mean_token_loss_weighs_tokens_not_texts(loaded: LoadedModel) -> None:
    short, long = "ab", "0123456789" * 4
    apart = [mean_token_loss(loaded, [text]) for text in (short, long)]
    together = mean_token_loss(loaded, [short, long])
    assert together == pytest.approx((apart[0] * 2 + apart[1] * 40) / 42, abs=1e-4)


def test_nothing_to_score_is_an_error(loaded: LoadedModel) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        mean_token_loss(loaded, [""])
    with pytest.raises(ValueError, match="empty choice"):
        choice_logprobs(loaded, PROMPTS[0], ["a", ""])
