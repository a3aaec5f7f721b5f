"""`okakae plan`: turn one option of the recommendation into a sealed plan."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from advisor.errors import Forbidden
from advisor.session import Session, okakae_command


@okakae_command("plan")
@click.option("--answers", type=click.Path(path_type=Path), default=None)
@click.option("--set", "sets", multiple=True, metavar="id=value")
@click.option("--option", "name", default=None, metavar="RANK|NAME")
@click.option("--place", default=None, metavar="NAME")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def plan(
    session: Session,
    answers: Path | None,
    sets: tuple[str, ...],
    name: str | None,
    place: str | None,
    out: Path,
) -> None:
    """Write the plan file that `apply` will run exactly."""
    from advisor.answers import gather
    from advisor.hosts import is_this_machine
    from advisor.needs import needs
    from advisor.plan import find_option, make_plan, save_plan
    from advisor.recommend import option_label, recommend
    from advisor.render import command_line
    from advisor.render_plan import show_plan

    gathered = gather(session, answers, sets)
    wanted = needs(gathered.answers, gathered.machine, gathered.data)
    recommendation = recommend(wanted)
    option = find_option(recommendation, name)
    if name is None and option is not recommendation.options[0]:
        first = option_label(recommendation.options[0])
        session.say("plan.first-runnable", first=first, road=option_label(option))
    endpoint = str(gathered.settings.get("endpoint.url", ""))
    if wanted.confidential == "all" and endpoint and not is_this_machine(endpoint):
        raise Forbidden("confidential-stays-here", what=endpoint)
    made = make_plan(
        option,
        wanted,
        gathered.answers,
        out=out,
        settings=gathered.settings,
        recommended=recommendation.chosen,
        place=place,
    )
    save_plan(made, out)
    for reason in option.reasons:
        if reason.effect == "blocks":
            session.say("plan.blocked-option", why=reason.text)

    def human() -> None:
        show_plan(made, session)
        click.echo(session.t("plan.written", path=out))
        click.echo(session.t("next-command", command=command_line("okakae", "apply", out)))

    session.out({**asdict(made), "path": str(out)}, human)
