"""The text a model sees: begun once, ended after answers, the same in training and in use."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import BOS, EOS, TURN_END, byte_tokenizer, turns_tokenizer

from executors.base import Message
from executors.template import (
    PLAIN_STOPS,
    PLAIN_TEMPLATE,
    adds_begin_token,
    end_of_answer,
    end_token_ids,
    render_chat,
    stops_for,
)

TURNS: list[Message] = [
    {"role": "system", "content": "規程に従って答える。"},
    {"role": "user", "content": "有給は？ "},
    {"role": "assistant", "content": "3日前まで。"},
    {"role": "user", "content": "出張は？"},
]
OWN = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"
)


def test_plain_template_is_headings_with_one_begin_and_an_end_after_answers() -> None:
    assert render_chat(byte_tokenizer(), TURNS) == (
        f"{BOS}### System\n規程に従って答える。\n\n### User\n有給は？\n\n"
        f"### Assistant\n3日前まで。{EOS}\n\n### User\n出張は？\n\n### Assistant\n"
    )


def test_a_tokenizer_that_adds_no_begin_token_gets_none() -> None:
    tokenizer = byte_tokenizer(adds_begin=False)
    assert not adds_begin_token(tokenizer)
    assert not render_chat(tokenizer, TURNS).startswith(BOS)


def test_begin_token_stands_exactly_once_after_tokenising() -> None:
    tokenizer = byte_tokenizer()
    ids = tokenizer(render_chat(tokenizer, TURNS), add_special_tokens=False)["input_ids"]
    assert ids.count(tokenizer.bos_token_id) == 1 and ids[0] == tokenizer.bos_token_id


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=40, deadline=None)
def test_training_row_begins_with_what_generation_sees_and_ends_with_the_end_token(
    question: str, answer: str
) -> None:
    tokenizer = byte_tokenizer()
    turns: list[Message] = [{"role": "user", "content": question}]
    prompt = render_chat(tokenizer, turns)
    whole = render_chat(
        tokenizer, [*turns, {"role": "assistant", "content": answer}], add_generation_prompt=False
    )
    assert whole.startswith(prompt)
    assert whole.endswith(EOS)


def test_stored_template_gives_the_same_text_to_servers_and_marks_the_answer() -> None:
    tokenizer = byte_tokenizer(chat_template=PLAIN_TEMPLATE)
    assert render_chat(tokenizer, TURNS) == render_chat(byte_tokenizer(), TURNS)
    out = tokenizer.apply_chat_template(
        TURNS, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    marked = [i for i, on in zip(out["input_ids"], out["assistant_masks"], strict=True) if on]
    assert tokenizer.decode(marked) == "3日前まで。" + EOS


def test_content_in_parts_as_chat_clients_send_it() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "出張は？"}]}]
    assert "### User\n出張は？\n" in render_chat(byte_tokenizer(), parts)  # type: ignore[arg-type]


def test_a_models_own_template_is_used_and_takes_the_system_turn_in_the_users() -> None:
    tokenizer = byte_tokenizer(chat_template=OWN)
    assert render_chat(tokenizer, TURNS[:2]) == "[user]規程に従って答える。\n\n有給は？ "
    assert stops_for(tokenizer) == ()


def test_a_template_that_fails_for_another_reason_says_so() -> None:
    from jinja2 import TemplateError

    tokenizer = byte_tokenizer(chat_template="{{ raise_exception('roles must alternate') }}")
    with pytest.raises(TemplateError, match="alternate"):
        render_chat(tokenizer, TURNS[1:])


def test_plain_answers_end_at_the_next_heading() -> None:
    assert stops_for(byte_tokenizer()) == PLAIN_STOPS
    assert stops_for(byte_tokenizer(chat_template=PLAIN_TEMPLATE)) == PLAIN_STOPS
    rendered = render_chat(byte_tokenizer(), TURNS)
    assert rendered.count(PLAIN_STOPS[0]) == 4 - 1 + 1  # every heading but the first


def test_what_ends_an_answer_is_read_from_the_template() -> None:
    tokenizer = turns_tokenizer()
    turn_end = tokenizer.convert_tokens_to_ids(TURN_END)
    assert end_token_ids(tokenizer) == {tokenizer.eos_token_id, turn_end}
    tokenizer.chat_template = None  # the token is there, but answers do not end with it
    assert end_token_ids(tokenizer) == {tokenizer.eos_token_id}


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}[{{ m.content }}]{% endfor %}",
        "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}",
        "{{ raise_exception('never') }}",
    ],
)
def test_text_is_no_end_token_and_a_template_without_answers_has_none(template: str) -> None:
    tokenizer = byte_tokenizer(chat_template=template)
    assert end_token_ids(tokenizer) == {tokenizer.eos_token_id}
    if "raise" not in template:
        assert end_of_answer(tokenizer) == ("]" if "[" in template else "")
