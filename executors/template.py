"""Turns a conversation into the text a model sees: its own chat template, or okakae's plain one.

The plain template is for base models, which have none: headings that mean the same in every
language, one token that begins the text, and the end token after every finished answer, so that
a tuned model learns to stop. The same text is used in training, in use and by servers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from executors.base import Message

HEADING = "### "
# A base model goes on with the next turn by itself: the next heading ends its answer.
PLAIN_STOPS = ("\n" + HEADING.rstrip(),)
_PLACE = "\ue000"
"""Marks where an answer goes; a private character that no template should hold."""
PLAIN_TEMPLATE = """\
{%- macro words(content) -%}
{%- if content is string -%}{{- content | trim -}}
{%- else -%}{%- for part in content -%}
{%- if part.type == 'text' -%}{{- part.text | trim -}}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
{{- bos_token -}}
{%- for message in messages -%}
{{- ('' if loop.first else '\\n\\n') + '### ' + (message.role | capitalize) + '\\n' -}}
{%- if message.role == 'assistant' -%}
{%- generation -%}{{- words(message.content) + eos_token -}}{%- endgeneration -%}
{%- else -%}{{- words(message.content) -}}{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- ('\\n\\n' if messages else '') + '### Assistant\\n' -}}
{%- endif -%}
"""


def render_chat(
    tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool = True
) -> str:
    """The conversation as one text, special tokens written out.

    Tokenise it with `add_special_tokens=False`: the text already begins as the model expects, and
    a second begin token costs quality in silence. A template that refuses a system turn (Gemma 2,
    early Mistral) gets it in front of the first user turn instead.
    """
    from jinja2 import TemplateError

    turns: list[Message] = list(messages)
    if not tokenizer.chat_template:
        return _render(tokenizer, turns, add_generation_prompt, plain=True)
    try:
        return _render(tokenizer, turns, add_generation_prompt)
    except TemplateError:
        if not turns or turns[0]["role"] != "system":
            raise
        return _render(tokenizer, system_in_first_user_turn(turns), add_generation_prompt)


def stops_for(tokenizer: Any) -> tuple[str, ...]:
    """The texts that end an answer besides the end token; none where the model has its own."""
    plain = not tokenizer.chat_template or tokenizer.chat_template == PLAIN_TEMPLATE
    return PLAIN_STOPS if plain else ()


def end_of_answer(tokenizer: Any) -> str:
    """What follows a finished answer in this model's template: its end token, as a rule.

    Empty where the template drops what the assistant says.
    """
    turns: list[Message] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": _PLACE},
    ]
    whole = render_chat(tokenizer, turns, add_generation_prompt=False)
    return whole.rsplit(_PLACE, 1)[1].rstrip("\n") if _PLACE in whole else ""


def end_token_ids(tokenizer: Any) -> set[int]:
    """The ids that end an answer: the tokenizer's end token and its template's end of turn.

    They are two in base models that come with a chat template: Qwen2.5 ends a text with
    `<|endoftext|>` and a turn with `<|im_end|>`. Training accepts what generation stops at.
    """
    from jinja2 import TemplateError

    ends = {tokenizer.eos_token_id} - {None}
    try:
        turn = tokenizer(end_of_answer(tokenizer), add_special_tokens=False)["input_ids"]
    except TemplateError:  # said where a conversation is rendered, with what it refuses
        return ends
    # A token of the text itself ("]") may stand in the middle of an answer as well.
    whole = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    ends.update([id_ for id_ in turn if id_ in whole][:1])
    return ends


def system_in_first_user_turn(messages: Sequence[Message]) -> list[Message]:
    """The same conversation without a system turn."""
    system, *rest = messages
    if rest and rest[0]["role"] == "user":
        first: Message = {
            "role": "user",
            "content": f"{system['content']}\n\n{rest[0]['content']}",
        }
        return [first, *rest[1:]]
    return [{"role": "user", "content": system["content"]}, *rest]


def adds_begin_token(tokenizer: Any) -> bool:
    """Whether this tokenizer puts its begin token in front of a plain text."""
    begin = tokenizer.bos_token_id
    return begin is not None and tokenizer("a")["input_ids"][:1] == [begin]


def _render(
    tokenizer: Any, messages: list[Message], add_generation_prompt: bool, *, plain: bool = False
) -> str:
    # Models that can think aloud are asked not to: the answer is what is wanted, trained and paid.
    special: Mapping[str, Any] = {"enable_thinking": False}
    if plain:
        special = {
            "chat_template": PLAIN_TEMPLATE,
            "bos_token": tokenizer.bos_token if adds_begin_token(tokenizer) else "",
            "eos_token": tokenizer.eos_token or "",
        }
    text: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=add_generation_prompt, **special
    )
    return text
