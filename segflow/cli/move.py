"""`segflow move`: a project goes on in a warehouse of another engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of, project_of

if TYPE_CHECKING:
    from segflow.rebuild.move import Moved


def move(
    context: typer.Context,
    to: Annotated[
        str, typer.Option("--to", help="The engine, as engine: in segflow.yml names it, like postgres or spark.")
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", help="The target of dbt's profile that leads there. Default: the only one for it."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all of it and say what would go; copy nothing.")] = (
        False
    ),
) -> None:
    """Copy all that segflow knows to a warehouse of another engine, where the next tick goes on."""
    from segflow.cli import show

    done = project_of(context).move(to, target, dry_run=dry_run)
    if options_of(context).json:
        show.as_json(vars(done))
        return
    show.table([{"table": name, "rows": rows} for name, rows in done.rows.items()], ["table", "rows"])
    for line in _told(done):
        show.out.print(line, markup=False, soft_wrap=True)


def _told(done: Moved) -> list[str]:
    from segflow.warehouse.engines import wing

    what = f"up to tick {done.tick_id}"
    first = (
        f"Nothing was copied. These rows of {done.source} would go to {done.target}, {what}."
        if done.dry_run
        else f"What segflow knows of {done.source} is in {done.target} now, {what}. {done.source} stays as it is."
    )
    lines = ["", first, "", "What is yours to do:", "- load the tables that your models read there; none of them went"]
    lines += [f"- segflow.yml:  engine: {done.engine}", f"                dbt: {{target: {done.dbt_target}}}"]
    lines += [f"- segflow.yml:  leave out {', '.join(done.left_out)}"] if done.left_out else []
    lines += [f"- read {file} again: it is {wing(done.engine).title} SQL from then on" for file in done.sql_segments]
    lines += [f"- mend what segflow validate will say there: {issue}" for issue in done.to_mend]
    return [*lines, "- segflow tick: it goes on there, and tells of what cannot be built"]
