"""Training rows are what generation sees, end as answers end, and bad ones are named."""

from __future__ import annotations

from typing import Any

import pytest
from tiny import BOS, EOS, byte_tokenizer, turns_tokenizer

from executors.finetune.rows import IGNORED, Row, make_rows, row_fault
from executors.prompting.prompts import conversation
from executors.template import end_token_ids, render_chat
from knowledge.corpus.types import Example


def example(id_: str = "1", completion: str = "3日前です。", **over: Any) -> Example:
    fields = {"kind": "qa", "prompt": "届け出は?", "source": "", "where": ""} | over
    return Example(id=id_, completion=completion, **fields)


def row(tokenizer: Any, one: Example, **options: Any) -> Row:
    made = make_rows([one], tokenizer, "ja", 4096, **options)
    assert made.left_out == {}
    return made.rows[0]


CHATML = (
    "{{- bos_token -}}{%- for m in messages -%}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{%- endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- endif -%}"
)
GEMMA = (
    "{{- bos_token -}}{%- if messages[0].role == 'system' -%}"
    "{{- raise_exception('no system turn') -}}{%- endif -%}"
    "{%- for m in messages -%}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n"
    "{%- endfor -%}{%- if add_generation_prompt -%}<start_of_turn>assistant\n{%- endif -%}"
)


def chat_tokenizer(template: str, *special: str) -> Any:
    tokenizer = byte_tokenizer(chat_template=template)
    tokenizer.add_special_tokens({"additional_special_tokens": list(special)})
    return tokenizer


TOKENIZERS = {
    "plain": byte_tokenizer,
    "chatml": lambda: chat_tokenizer(CHATML, "<|im_start|>", "<|im_end|>"),
    "turns with an end of their own": turns_tokenizer,
    "no system turn": lambda: chat_tokenizer(GEMMA, "<start_of_turn>", "<end_of_turn>"),
}


@pytest.mark.parametrize("family", TOKENIZERS)
def test_the_prompt_is_to_the_token_what_generation_sees(family: str) -> None:
    tokenizer = TOKENIZERS[family]()
    one = row(tokenizer, example())
    asked = render_chat(tokenizer, conversation("届け出は?", "qa", "ja"))
    prompt = tokenizer(asked, add_special_tokens=False)["input_ids"]
    assert one.input_ids[: len(prompt)] == prompt
    assert one.labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert one.labels[len(prompt) :] == one.input_ids[len(prompt) :]
    answer = tokenizer.decode(one.input_ids[len(prompt) :], skip_special_tokens=True)
    assert answer.strip() == "3日前です。"


@pytest.mark.parametrize("family", TOKENIZERS)
def test_the_token_that_ends_an_answer_is_trained(family: str) -> None:
    tokenizer = TOKENIZERS[family]()
    assert end_token_ids(tokenizer) & set(row(tokenizer, example()).labels)


def test_a_token_at_which_generation_goes_on_is_no_end() -> None:
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    ids = tokenizer("3日前です。<|im_end|>", add_special_tokens=False)["input_ids"]
    assert row_fault(Row("e", ids, ids), tokenizer, "3日前です。") == "end-not-trained"


def test_the_text_begins_once() -> None:
    tokenizer = byte_tokenizer()
    one = row(tokenizer, example())
    assert one.input_ids.count(tokenizer.bos_token_id) == 1
    assert one.input_ids[0] == tokenizer.bos_token_id


def test_a_doubled_begin_token_is_caught() -> None:
    tokenizer = byte_tokenizer(chat_template="{{ bos_token }}" + CHATML.replace("<|im_end|>", EOS))
    made = make_rows([example("x")], tokenizer, "ja", 4096)
    assert made.left_out == {"begin-doubled": ["x"]}


def test_one_token_may_begin_and_end_a_text() -> None:
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = BOS  # as GPT-2's <|endoftext|>
    one = row(tokenizer, example())
    assert (one.input_ids[0], one.input_ids[-1]) == (tokenizer.bos_token_id,) * 2


def test_rows_that_do_not_fit_are_left_out_by_name_not_cut() -> None:
    tokenizer = byte_tokenizer()
    short, long = example("short"), example("long", "長い答え。" * 50)
    length = len(row(tokenizer, short).input_ids)
    made = make_rows([short, long], tokenizer, "ja", length)
    assert [r.id for r in made.rows] == ["short"]
    assert made.left_out == {"too-long": ["long"]}
    assert made.longest == length
    assert make_rows([short], tokenizer, "ja", length - 1).left_out == {"too-long": ["short"]}


def test_an_empty_answer_teaches_nothing() -> None:
    assert make_rows([example("e", "")], byte_tokenizer(), "ja", 4096).left_out == {
        "no-answer": ["e"]
    }


def test_a_template_that_does_not_end_answers_is_caught() -> None:
    endless = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
    template = endless.replace(
        "assistant: ", "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    made = make_rows([example("e")], byte_tokenizer(chat_template=template), "ja", 4096)
    assert made.left_out == {"end-not-trained": ["e"]}


def normalising(form: str) -> Any:
    """A tokenizer that changes text before it cuts it, as NFC (Qwen) and NFKC (SentencePiece)."""
    from tokenizers import normalizers

    tokenizer = byte_tokenizer()
    steps = [getattr(normalizers, name)() for name in form.split("+")]
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer


@pytest.mark.parametrize("form", ["NFC", "NFKC", "NFKC+Lowercase"])
@pytest.mark.parametrize(
    "answer",
    [
        "お問い合わせありがとうございます！",
        "承知しました…",
        "それでおねか\u3099いします",  # decomposed, as files named on a Mac
        "か\u3099か\u3099か\u3099か\u3099か\u3099",
        "ｶﾞﾗｽ製の①番、㍻㎡",
        "ABC Café　です",
    ],
)
def test_what_a_tokenizer_normalises_is_no_cut_answer(form: str, answer: str) -> None:
    row(normalising(form), example(completion=answer))


def test_an_answer_that_is_cut_is_caught_whatever_is_normalised() -> None:
    tokenizer = normalising("NFKC")
    whole = row(tokenizer, example(completion="ご連絡ありがとうございます！"))
    end = whole.input_ids[-1]
    cut = Row("cut", [*whole.input_ids[:-5], end], [*whole.labels[:-5], end])
    assert row_fault(cut, tokenizer, "ご連絡ありがとうございます！") == "answer-cut"
    assert row_fault(whole, tokenizer, "ご連絡ありがとうございます！") is None


def test_a_template_that_normalises_an_answer_does_not_drop_it() -> None:
    """Some write an answer in lower case, or another form of the same letters."""
    template = "{% for m in messages %}{{ m.content | lower }}{{ eos_token }}{% endfor %}"
    row(byte_tokenizer(chat_template=template), example(completion="ABC です。"))
    emptied = template.replace("{{ m.content | lower }}", "{{ m.content[:0] }}")
    made = make_rows([example("e")], byte_tokenizer(chat_template=emptied), "ja", 4096)
    assert made.left_out == {"fully-masked": ["e"]}


def test_a_template_that_changes_the_past_is_caught() -> None:
    template = (
        "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
        "{{ '' if add_generation_prompt else eos_token }}"
    )
    made = make_rows([example("e")], byte_tokenizer(chat_template=template), "ja", 4096)
    assert made.left_out == {"template-mismatch": ["e"]}


def test_labels_named_to_the_model_are_the_same_in_every_part() -> None:
    tokenizer = byte_tokenizer()
    one = example(kind="labelled", completion="苦情", label="苦情")
    ids = row(tokenizer, one, labels=["苦情", "要望"]).input_ids
    asked = conversation("届け出は?", "labelled", "ja", labels=["苦情", "要望"])
    prompt = tokenizer(render_chat(tokenizer, asked), add_special_tokens=False)["input_ids"]
    assert ids[: len(prompt)] == prompt


def test_labels_are_no_part_of_other_instructions() -> None:
    for kind in ("qa", "rewrite"):
        assert conversation("?", kind, "ja", labels=["苦情"]) == conversation("?", kind, "ja")
