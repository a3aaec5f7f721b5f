"""`okakae recommend`: the roads ranked for a company's answers."""

from __future__ import annotations

from pathlib import Path

import click

from advisor.session import Session, okakae_command


@okakae_command("recommend")
@click.option("--answers", type=click.Path(path_type=Path), default=None)
@click.option("--set", "sets", multiple=True, metavar="id=value")
def recommend(session: Session, answers: Path | None, sets: tuple[str, ...]) -> None:
    """Rank the roads, with reasons, sources, estimates, and what would change the order."""
    from advisor.answers import gather
    from advisor.needs import needs
    from advisor.recommend import as_document
    from advisor.recommend import recommend as decide
    from advisor.render_advice import show_recommendation

    gathered = gather(session, answers, sets)
    wanted = needs(gathered.answers, gathered.machine, gathered.data)
    made = decide(wanted)
    session.out(as_document(made), lambda: show_recommendation(made, session))
