"""Charts as inline SVG: readable in print, without scripts, fonts or a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH = 680
INK, MUTED, GRID = "var(--ink)", "var(--muted)", "var(--line)"
CHOSEN, OTHER, BEST = "var(--accent)", "var(--bar)", "var(--warm)"


def interval_bars(rows: Sequence[Mapping[str, object]], label: str, *, share: bool = True) -> str:
    """One bar per road from 0 to 1 with its 95 % interval as a whisker.

    Args:
        rows: `name`, `value`, `low`, `high`, `n`, `chosen` each.
        label: what the bars show, for people who cannot see them.
        share: whether the values are shares, shown in percent, or scores.
    """
    form = ".0%" if share else ".2f"
    left, right, step, top = 170, 110, 44, 26
    height = top + step * len(rows) + 18
    scale = WIDTH - left - right
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + tick * scale
        parts.append(_line(x, top - 6, x, height - 14, GRID))
        parts.append(_text(x, top - 11, f"{tick:{form}}", 11, MUTED, "middle"))
    for position, row in enumerate(rows):
        value, low, high = (float(str(row[k])) for k in ("value", "low", "high"))
        middle = top + position * step + 15
        weight = 700 if row["chosen"] else 400
        parts.append(_text(left - 12, middle + 5, str(row["name"]), 14, INK, "end", weight))
        colour = CHOSEN if row["chosen"] else OTHER
        parts.append(
            f'<rect x="{left}" y="{middle - 11}" width="{max(value * scale, 1):.1f}"'
            f' height="22" rx="3" fill="{colour}"/>'
        )
        x1, x2 = left + low * scale, left + high * scale
        parts += [
            _line(x1, middle, x2, middle, INK, 1.5),
            _line(x1, middle - 6, x1, middle + 6, INK, 1.5),
            _line(x2, middle - 6, x2, middle + 6, INK, 1.5),
            _text(WIDTH - right + 12, middle + 5, f"{value:{form}}", 13, INK),
            _text(WIDTH - right + 56, middle + 5, f"n={row['n']}", 11, MUTED),
        ]
    return _svg(height, label, parts)


def loss_curve(curve: Sequence[Mapping[str, float]], labels: Mapping[str, str]) -> str:
    """Training and held-out loss over steps, the best held-out point marked.

    Returns:
        An empty string when there are fewer than two held-out points.
    """
    train, held = _series(curve, "loss"), _series(curve, "eval_loss")
    if len(held) < 2:
        return ""
    left, right, top, bottom, height = 52, 120, 24, 34, 240
    points = train + held
    last_step = max(step for step, _ in points) or 1.0
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    pad = (high - low) * 0.1 or 0.1
    low, high = low - pad, high + pad

    def at(step: float, loss: float) -> tuple[float, float]:
        x = left + step / last_step * (WIDTH - left - right)
        return x, top + (high - loss) / (high - low) * (height - top - bottom)

    parts = []
    for share in (0.0, 0.5, 1.0):
        loss = low + (high - low) * share
        y = at(0, loss)[1]
        parts.append(_line(left, y, WIDTH - right, y, GRID))
        parts.append(_text(left - 8, y + 4, f"{loss:.2f}", 11, MUTED, "end"))
        x = at(last_step * share, low)[0]
        parts.append(_text(x, height - 12, f"{last_step * share:.0f}", 11, MUTED, "middle"))
    for series, colour, name in ((train, OTHER, labels["train"]), (held, CHOSEN, labels["held"])):
        if not series:
            continue
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (at(*point) for point in series))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
        x, y = at(*series[-1])
        parts.append(_text(x + 8, y + 4, name, 12, colour))
    best = min(held, key=lambda point: point[1])
    x, y = at(*best)
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{BEST}"/>')
    parts.append(_text(x, y - 12, f"{labels['best']} {best[1]:.3f}", 12, BEST, "middle"))
    return _svg(height, labels["chart"], parts)


def score_curve(
    curve: Sequence[Mapping[str, float]], labels: Mapping[str, str], *, stopped_early: bool
) -> str:
    """Held-out scores from 0 to 1 over steps, with the kept weights and the stop marked.

    Args:
        curve: `step` with `eval_chrf`, `eval_mean_token_accuracy` or `eval_loss` each; the kept
            weights are those of the lowest held-out loss after the start.
        labels: `chart`, `chrf`, `tokens`, `kept`, `patience`, `end`.

    Returns:
        An empty string when no score has two points.
    """
    drawn = [
        (points, colour, labels[name])
        for key, colour, name in (
            ("eval_chrf", CHOSEN, "chrf"),
            ("eval_mean_token_accuracy", OTHER, "tokens"),
        )
        if len(points := _series(curve, key)) > 1
    ]
    if not drawn:
        return ""
    left, right, top, bottom, height = 52, 120, 30, 34, 220
    last_step = max(step for points, _, _ in drawn for step, _ in points) or 1.0

    def at(step: float, share: float) -> tuple[float, float]:
        x = left + step / last_step * (WIDTH - left - right)
        return x, top + (1 - share) * (height - top - bottom)

    parts = []
    for share in (0.0, 0.5, 1.0):
        x, y = at(last_step * share, share)
        parts.append(_line(left, y, WIDTH - right, y, GRID))
        parts.append(_text(left - 8, y + 4, f"{share:.0%}", 11, MUTED, "end"))
        parts.append(_text(x, height - 12, f"{last_step * share:.0f}", 11, MUTED, "middle"))
    for points, colour, name in drawn:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (at(*point) for point in points))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
        x, y = at(*points[-1])
        parts.append(_text(x + 8, y + 4, name, 12, colour))
    marks = [(last_step, MUTED, labels["patience" if stopped_early else "end"])]
    if judged := [point for point in _series(curve, "eval_loss") if point[0] > 0]:
        kept = min(judged, key=lambda point: point[1])[0]
        marks.append((kept, BEST, labels["kept"]))
    for height_of, (step, colour, name) in enumerate(marks):
        x, y = at(step, 1.0)
        parts.append(_line(x, y, x, height - bottom, colour, 1.5))
        parts.append(_text(x, top - 6 - 13 * height_of, name, 12, colour, "middle"))
    return _svg(height, labels["chart"], parts)


def pilot_curve(
    points: Sequence[Mapping[str, float]],
    forecasts: Sequence[Mapping[str, float]],
    labels: Mapping[str, str],
) -> str:
    """Held-out loss over training examples, doubling to the right, with the band of what is ahead.

    Args:
        points: `examples` and `loss` each, as measured.
        forecasts: `examples`, `low`, `likely`, `high` each.
        labels: `chart`, `examples`, `loss`, `measured`, `band`.

    Returns:
        An empty string when fewer than two points were measured.
    """
    if len(points) < 2:
        return ""
    left, right, top, bottom, height = 52, 130, 26, 46, 260
    sizes = [point["examples"] for point in (*points, *forecasts)]
    losses = [point["loss"] for point in points]
    losses += [ahead[edge] for ahead in forecasts for edge in ("low", "high")]
    pad = (max(losses) - min(losses)) * 0.08 or 0.1
    low, high = min(losses) - pad, max(losses) + pad
    first, doublings = sizes[0], math.log2(sizes[-1] / sizes[0])

    def at(examples: float, loss: float) -> tuple[float, float]:
        x = left + math.log2(examples / first) / doublings * (WIDTH - left - right)
        return x, top + (high - loss) / (high - low) * (height - top - bottom)

    def path(ends: Sequence[tuple[float, float]]) -> str:
        return "L".join(f"{x:.1f} {y:.1f}" for x, y in (at(*end) for end in ends))

    parts = []
    for share in (0.0, 0.5, 1.0):
        loss = low + (high - low) * share
        y = at(first, loss)[1]
        parts.append(_line(left, y, WIDTH - right, y, GRID))
        parts.append(_text(left - 8, y + 4, f"{loss:.2f}", 11, MUTED, "end"))
    for size in sizes:
        x = at(size, low)[0]
        parts.append(_text(x, height - bottom + 16, f"{size:g}", 11, MUTED, "middle"))
    measured = [(point["examples"], point["loss"]) for point in points]
    if forecasts:
        upper = [measured[-1], *((a["examples"], a["high"]) for a in forecasts)]
        lower = [(a["examples"], a["low"]) for a in reversed(forecasts)]
        band = f'<path d="M{path([*upper, *lower])}Z" fill="{OTHER}" fill-opacity="0.35"/>'
        middle = [measured[-1], *((a["examples"], a["likely"]) for a in forecasts)]
        dashed = f'fill="none" stroke="{CHOSEN}" stroke-width="1.5" stroke-dasharray="5 4"'
        parts += [band, f'<path d="M{path(middle)}" {dashed}/>']
        x, y = at(*middle[-1])
        parts.append(_text(x + 8, y + 4, labels["band"], 12, MUTED))
    parts.append(f'<path d="M{path(measured)}" fill="none" stroke="{CHOSEN}" stroke-width="2.2"/>')
    for x, y in (at(*point) for point in measured):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{CHOSEN}"/>')
    x, y = at(*measured[0])
    parts.append(_text(x + 8, y - 8, labels["measured"], 12, CHOSEN))
    parts.append(_text(left, 14, labels["loss"], 12, MUTED))
    middle_x = (left + WIDTH - right) / 2
    parts.append(_text(middle_x, height - 8, labels["examples"], 12, MUTED, "middle"))
    return _svg(height, labels["chart"], parts)


def abstention_curve(
    curves: Sequence[tuple[str, Sequence[Mapping[str, float]]]],
    labels: Mapping[str, str],
    chosen: float,
) -> str:
    """Answered unanswerable questions (up) over answered answerable ones (right), 0 to 1 both.

    Args:
        curves: a name and its points (`threshold`, `coverage`, `false_answers`) each.
        labels: `chart`, `coverage`, `false`, `line`.
        chosen: the line in force; the nearest point of every curve is marked.

    Returns:
        An empty string when no curve has two points.
    """
    drawn = [(name, points) for name, points in curves if len(points) > 1]
    if not drawn:
        return ""
    left, right, top, bottom, height = 52, 170, 20, 46, 280

    def at(point: Mapping[str, float]) -> tuple[float, float]:
        x = left + point["coverage"] * (WIDTH - left - right)
        return x, top + (1 - point["false_answers"]) * (height - top - bottom)

    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at({"coverage": share, "false_answers": share})
        parts += [_line(left, y, WIDTH - right, y, GRID), _line(x, top, x, height - bottom, GRID)]
        parts.append(_text(left - 8, y + 4, f"{share:.0%}", 11, MUTED, "end"))
        parts.append(_text(x, height - bottom + 16, f"{share:.0%}", 11, MUTED, "middle"))
    parts.append(
        _text((left + WIDTH - right) / 2, height - 8, labels["coverage"], 12, MUTED, "middle")
    )
    parts.append(_text(left, 12, labels["false"], 12, MUTED))
    for position, ((name, points), colour) in enumerate(zip(drawn, (CHOSEN, OTHER), strict=False)):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in map(at, points))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
        x, y = at(min(points, key=lambda point: abs(point["threshold"] - chosen)))
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{BEST}"/>')
        parts.append(_text(WIDTH - right + 12, top + 16 + 20 * position, name, 12, colour))
    parts.append(_text(WIDTH - right + 12, top + 60, f"● {labels['line']}", 12, BEST))
    return _svg(height, labels["chart"], parts)


def _series(curve: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    points = [(entry["step"], entry[name]) for entry in curve if name in entry and "step" in entry]
    return [point for point in points if all(map(math.isfinite, point))]


def _svg(height: float, label: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" class="chart" role="img"'
    name = f' aria-label="{escape(label, quote=True)}"'
    return f"{head}{name}>{''.join(parts)}</svg>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    size: int,
    colour: str,
    anchor: str = "start",
    weight: int = 400,
) -> str:
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
