"""A beginning read once gives the answers that reading it every time gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import byte_tokenizer, save_tiny, tiny_llama

from advisor.errors import UsageError
from executors.generate import generate, token_ids
from executors.models import LoadedModel, load
from executors.prefix import SharedPrefix

CORPUS = "<bos>### System\n" + "".join(f"規則{n}: 手当は{n * 37 % 91}円。\n" for n in range(12))
ENDINGS = ["\n規則3は？", "\n規則5は？", "\nAnd rule 7, please?", "\n規則9は？", "\n？"]


def sliding_gemma() -> Any:
    """A Gemma 3 whose window is much shorter than the beginning."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(1)
    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=259,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=4,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            sliding_window=48,
            layer_types=["sliding_attention", "full_attention"] * 2,
            max_position_embeddings=1024,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


@pytest.fixture(scope="module", params=["full", "sliding"])
def loaded(request: Any, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.set_num_threads(1)
    model = tiny_llama(context=1024) if request.param == "full" else sliding_gemma()
    folder: Path = tmp_path_factory.mktemp(request.param)
    return load(str(save_tiny(folder, model, byte_tokenizer())), dtype="float32")


def test_the_answers_are_those_without_a_cache(loaded: LoadedModel) -> None:
    prefix = SharedPrefix(loaded, CORPUS)
    plain = generate(loaded, [CORPUS + e for e in ENDINGS], max_new_tokens=16, batch_size=1)
    for _ in range(2):  # the second time proves that the first left the cache as it was
        cached = prefix.complete(ENDINGS, max_new_tokens=16)
        assert [g.text for g in cached] == [g.text for g in plain]
        assert [g.tokens_in for g in cached] == [g.tokens_in for g in plain]


def test_a_beginning_that_does_not_fit_is_refused(loaded: LoadedModel) -> None:
    with pytest.raises(UsageError) as refused:
        SharedPrefix(loaded, CORPUS * 10)
    assert refused.value.ref == "prompts-too-long"


def test_a_token_across_the_seam_is_the_one_the_model_would_read(tmp_path: Path) -> None:
    """«: » and «How» become « How» in most vocabularies: the space must not be read apart."""
    tokenizer = byte_tokenizer(joins=[("Ġ", "H")])
    model = tiny_llama(context=1024, vocab=260)
    loaded = load(str(save_tiny(tmp_path, model, tokenizer)), dtype="float32")
    beginning, endings = CORPUS + "\nQuestion: ", ["How much?", "Which?", " How?"]
    apart = [token_ids(loaded, beginning) + token_ids(loaded, e) for e in endings]
    whole = [token_ids(loaded, beginning + e) for e in endings]
    assert [a == b for a, b in zip(apart, whole, strict=True)] == [False, True, True]
    prefix = SharedPrefix(loaded, beginning)
    plain = generate(loaded, [beginning + e for e in endings], max_new_tokens=16, batch_size=1)
    cached = prefix.complete(endings, max_new_tokens=16)
    assert [g.text for g in cached] == [g.text for g in plain]
    assert [g.tokens_in for g in cached] == [len(ids) for ids in whole]


def test_a_token_that_reaches_further_back_is_read_without_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.prefix.SEAM_TOKENS", 0)
    model = tiny_llama(context=1024, vocab=260)
    tokenizer = byte_tokenizer(joins=[("Ġ", "H")])
    loaded = load(str(save_tiny(tmp_path, model, tokenizer)), dtype="float32")
    made = SharedPrefix(loaded, CORPUS + " ").complete(["How?"], max_new_tokens=8)
    plain = generate(loaded, [CORPUS + " How?"], max_new_tokens=8)
    assert [(g.text, g.tokens_in) for g in made] == [(g.text, g.tokens_in) for g in plain]
