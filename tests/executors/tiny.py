"""Builds tiny causal language models and a byte tokenizer, for tests that need real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"
TURN_END = "<|turn_end|>"
TURNS_TEMPLATE = (
    "{%- for m in messages -%}<|turn|>{{ m.role }}\n{{ m.content }}<|turn_end|>\n"
    "{%- endfor -%}{%- if add_generation_prompt -%}<|turn|>assistant\n{%- endif -%}"
)
"""Ends a turn by a token of its own, as ChatML does; the tokenizer's end token is another."""
TURNS_VOCAB = 259 + 2


def byte_tokenizer(
    *,
    adds_begin: bool = True,
    chat_template: str | None = None,
    joins: Sequence[tuple[str, str]] = (),
) -> Any:
    """One token per byte and three special ones: loses nothing, needs no training.

    `joins` are pairs of byte letters that become one token, numbered after all others.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([PAD, BOS, EOS, *alphabet, *map("".join, joins)])}
    backend = Tokenizer(models.BPE(vocab=vocab, merges=list(joins)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([PAD, BOS, EOS])
    if adds_begin:
        backend.post_processor = processors.TemplateProcessing(
            single=f"{BOS} $A", special_tokens=[(BOS, vocab[BOS])]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=PAD, bos_token=BOS, eos_token=EOS
    )
    tokenizer.chat_template = chat_template
    return tokenizer


def turns_tokenizer() -> Any:
    """As base models come that bring a chat template: the end of a turn is not the end token."""
    tokenizer = byte_tokenizer(chat_template=TURNS_TEMPLATE)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>", TURN_END]})
    return tokenizer


def tiny_llama(*, context: int = 256, hidden: int = 64, seed: int = 0, vocab: int = 259) -> Any:
    """A two-layer Llama with random weights for `byte_tokenizer`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def save_tiny(folder: Path, model: Any = None, tokenizer: Any = None, **options: Any) -> Path:
    """A model folder as a user would have one."""
    (model or tiny_llama()).save_pretrained(str(folder), **options)
    (tokenizer or byte_tokenizer()).save_pretrained(str(folder))
    return folder


def memorise(model: Any, tokenizer: Any, texts: list[str], steps: int = 250) -> None:
    """Train until the model continues every text as it stands."""
    import torch

    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if loss < 0.01:
            break


def save_tiny_encoder(folder: Path, *, hidden: int = 32, seed: int = 0) -> Path:
    """A sentence-transformers folder: a BERT of two layers with random weights, mean of bytes."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=259,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
    )
    bare = folder.with_name(f"{folder.name}-bare")
    save_tiny(bare, BertModel(config), byte_tokenizer())
    words = Transformer(str(bare), max_seq_length=128)
    SentenceTransformer(modules=[words, Pooling(hidden), Normalize()], device="cpu").save(
        str(folder), create_model_card=False
    )
    return folder
