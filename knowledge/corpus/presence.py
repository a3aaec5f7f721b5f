"""Where hundreds of strings stand in a text, asked of all of them in one pass.

Each two or three characters in a row are hashed and counted; a string is looked for only where its
rarest ones stand, and not at all where they stand nowhere. Searching for 600 strings one by one
takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SHORTEST_TEXT = 4096
"""Characters from which one pass of numpy is faster than the searches it saves."""
_LENGTHS = (2, 3)
_BITS = 18
_FACTOR = 0x9E3779B1
# Characters at a time, so that a file of 256 MiB takes no more memory than a small one.
_BLOCK = 1 << 18


class Places:
    """The strings to look for, each of two characters or more, hashed once."""

    def __init__(self, strings: Sequence[str]) -> None:
        import numpy as np

        self._longest = max(map(len, strings), default=0)
        self._groups: list[tuple[int, list[str], Any, Any]] = []
        for length in _LENGTHS:
            rest = length == _LENGTHS[-1]
            chosen = [s for s in strings if len(s) == length or (rest and len(s) > length)]
            if chosen:
                hashes = [_hashed(_codes(string), length) for string in chosen]
                starts = np.cumsum([0, *map(len, hashes)])
                self._groups.append((length, chosen, np.concatenate(hashes), starts))

    def within(self, text: str, apart: int) -> dict[str, list[int]]:
        """The places of each string that stands in `text`, ascending.

        Args:
            text: what is searched.
            apart: places nearer than this to the one before are left out.
        """
        found: dict[str, list[int]] = {}
        for at in range(0, max(1, len(text)), _BLOCK):
            block = text[at : at + _BLOCK + self._longest]
            codes = _codes(block)
            for length, strings, hashes, starts in self._groups:
                for number, first in _candidates(_hashed(codes, length), hashes, starts):
                    _add(found, strings[number], block, at, first, apart)
        return found


def _add(
    found: dict[str, list[int]], string: str, block: str, at: int, first: list[int], apart: int
) -> None:
    """Take those places of `first`, within the block that begins at `at`, where `string` stands."""
    places = found.get(string, [])
    least = places[-1] + apart if places else 0
    for place in first:
        if 0 <= place < _BLOCK and at + place >= least and block.startswith(string, place):
            places.append(at + place)
            least = at + place + apart
    if places:
        found[string] = places


def _candidates(text: Any, hashes: Any, starts: Any) -> list[tuple[int, list[int]]]:
    """Numbers of the strings that may be there, and where they would begin."""
    import numpy as np

    counts = np.bincount(text, minlength=1 << _BITS)
    frequent = counts[hashes]
    possible = np.flatnonzero(np.minimum.reduceat(frequent, starts[:-1]))
    if not len(possible):
        return []
    rarest = [
        (int(i), int(starts[i] + np.argmin(frequent[starts[i] : starts[i + 1]]))) for i in possible
    ]
    wanted = np.zeros(1 << _BITS, dtype=bool)
    wanted[hashes[[where for _, where in rarest]]] = True
    places = np.flatnonzero(wanted[text])
    order = np.argsort(text[places], kind="stable")
    places, there = places[order], text[places][order]
    found = []
    for number, where in rarest:
        low, high = np.searchsorted(there, [hashes[where], hashes[where] + 1])
        found.append((number, (places[low:high] - (where - starts[number])).tolist()))
    return found


def _codes(text: str) -> Any:
    import numpy as np

    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _hashed(codes: Any, length: int) -> Any:
    """A hash of `_BITS` bits for each run of `length` characters."""
    import numpy as np

    count = max(0, len(codes) - length + 1)
    value = codes[:count].copy()
    for offset in range(1, length):
        value *= np.uint32(_FACTOR)
        value ^= codes[offset : offset + count]
    value *= np.uint32(_FACTOR)
    value >>= np.uint32(32 - _BITS)
    return value.astype(np.int64)
