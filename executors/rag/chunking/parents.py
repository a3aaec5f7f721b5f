"""The passage around a chunk: what stands before and after it under the same heading."""

from __future__ import annotations

from collections.abc import Sequence

from executors.rag.chunking.chunk import Chunk, CountTokens

_LEAST_SHARED = 8
"""Characters that two neighbours must share at their seam to count as said twice."""


class Parents:
    """Finds the section of any chunk of an index; a document's chunks have one set of groups."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        sections: dict[tuple[str, str, tuple[str, ...]], list[Chunk]] = {}
        for chunk in chunks:
            sections.setdefault(_section(chunk), []).append(chunk)
        for section in sections.values():
            section.sort(key=lambda chunk: chunk.position)
        self._sections = sections

    def of(self, chunk: Chunk) -> tuple[Chunk, ...]:
        """All chunks of the chunk's section, itself among them, in reading order."""
        return tuple(self._sections[_section(chunk)])

    def text(self, chunk: Chunk, count_tokens: CountTokens, most_tokens: int) -> str:
        """The chunk with as much of its section around it as fits, what overlaps said once.

        Args:
            chunk: of these chunks.
            count_tokens: of the model that will read it.
            most_tokens: in all; the chunk itself is given whole even when it has more.
        """
        section = self.of(chunk)
        first = last = next(i for i, c in enumerate(section) if c.position == chunk.position)
        text = chunk.text
        growing = True
        while growing:
            growing = False
            # What follows before what precedes: an answer more often goes on than begins earlier.
            if last + 1 < len(section):
                longer = joined(text, section[last + 1].text)
                if count_tokens(longer) <= most_tokens:
                    text, last, growing = longer, last + 1, True
            if first:
                longer = joined(section[first - 1].text, text)
                if count_tokens(longer) <= most_tokens:
                    text, first, growing = longer, first - 1, True
        return text


def joined(before: str, after: str) -> str:
    """Two neighbouring chunks as one text, without saying the overlap twice."""
    for shared in range(min(len(before), len(after)), _LEAST_SHARED - 1, -1):
        if before.endswith(after[:shared]):
            return before + after[shared:]
    return f"{before}\n{after}"


def _section(chunk: Chunk) -> tuple[str, str, tuple[str, ...]]:
    return chunk.doc_id, chunk.where, chunk.headings
