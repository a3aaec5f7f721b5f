"""From which probability on a text is given to no class."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def threshold(
    surest: NDArray[np.float64], right: NDArray[np.bool_], outside: NDArray[np.float64]
) -> float:
    """The probability below which most texts are treated rightly by giving them to no class.

    Args:
        surest: the first label's calibrated probability of each held-out text that has a class.
        right: whether that label is the text's own.
        outside: the same probability of texts that are known to belong to no class.

    Returns:
        0 where nothing is known to lie outside: declining could then only cost right answers.
    """
    import numpy as np

    if not len(outside):
        return 0.0
    places = np.unique(np.concatenate([surest, outside]))
    # Between two neighbours, so that no text lies on the border itself.
    borders = np.concatenate([[0.0], (places[1:] + places[:-1]) / 2])
    won = [(right & (surest >= b)).sum() + (outside < b).sum() for b in borders]
    return float(borders[int(np.argmax(won))])
