"""Answers that are JSON because every example is: written as JSON, or cut to the JSON in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from executors.base import Generation, Generator, Message, WritesRecords
from executors.json_form import record_in


def write_records(
    generator: Generator, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
) -> list[Generation]:
    """One answer per conversation, a JSON object or list wherever that can be had.

    A model in this process is kept to JSON while it writes. A server writes what it will: of an
    answer with a fence or a sentence around its JSON the first whole object or list is taken, of
    one without any the answer as it stands.
    """
    if isinstance(generator, WritesRecords):
        return generator.write_records(conversations, max_new_tokens=max_new_tokens)
    written = generator.complete(conversations, max_new_tokens=max_new_tokens)
    return [replace(one, text=record_in(one.text) or one.text) for one in written]
