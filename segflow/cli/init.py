"""`segflow init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of
from segflow.errors import InputError

if TYPE_CHECKING:
    from segflow.start.dbt_models import DbtPlace
    from segflow.start.plan import Proposal
    from segflow.start.start import Started


def init(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the new project. It may be there.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Your data: a folder of CSV or Parquet files, one file, a database file, or postgresql://...",
        ),
    ] = None,
    schema: Annotated[
        list[str] | None,
        typer.Option("--schema", help="Of a server: the tables of this schema; repeat it for more. Default: all."),
    ] = None,
    dbt: Annotated[
        Path | None,
        typer.Option(
            "--dbt", help="Your dbt project: the folder of dbt_project.yml. Its models are taken as they are."
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="With --dbt: the profile. Default: as dbt finds it.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="With --dbt: the target of the profile. Default: as dbt finds it.")
    ] = None,
    profiles_dir: Annotated[
        Path | None,
        typer.Option("--profiles-dir", help="With --dbt: the folder of profiles.yml. Default: as dbt finds it."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            help="Segments and flows to start from: shop, saas or newsletter; with sample data, without --from.",
        ),
    ] = None,
    contacts: Annotated[
        str | None, typer.Option("--contacts", help="The table that the contacts are, if it is not the likeliest.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The project's name. Default: the folder's.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="The zone of dates and weeks, like Europe/Berlin. Default: UTC.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what is proposed.")] = False,
) -> None:
    """Make a project of your own: look at your data, propose a catalog, write files that work on it."""
    from segflow.cli import show
    from segflow.start.place import check_place
    from segflow.start.start import Wanted, start

    asks = sys.stdin.isatty() and not yes and not options_of(context).json
    check_place(directory.expanduser().resolve())
    if dbt is not None and data is not None:
        raise InputError("--from and --dbt both say where the data is; give one of them")
    if data is None and dbt is None and template is None and not asks:
        raise InputError(
            "say where your data is: --from FOLDER with CSV or Parquet files, --from FILE.csv, --from FILE with the "
            "tables of a database, or --dbt FOLDER with a dbt project; or take a template with sample data: --template "
            "shop, saas or newsletter"
        )
    if data is None and dbt is None and template is None:
        question = (
            "Data: a folder of CSV or Parquet files, a database file, or a dbt project "
            "(or a sample: shop, saas, newsletter)"
        )
        data = str(typer.prompt(question, err=True))
        if data in ("shop", "saas", "newsletter") and not Path(data).exists():
            data, template = None, data
    if schema and data is None:
        raise InputError("--schema is about a server; say which: --from postgresql://USER@HOST/DATABASE")
    place = _dbt_place(dbt, data, profile, target, profiles_dir)
    if timezone is None:
        timezone = typer.prompt("Time zone of dates and weeks", default="UTC", err=True) if asks else "UTC"
    wanted = Wanted(directory, data, template, name, timezone, contacts, schema or (), place)
    made = start(wanted, _asked if asks else lambda _: True)
    if made is None:
        show.error("Nothing was written.")
        raise typer.Exit(1)
    if options_of(context).json:
        show.as_json({**vars(made), "choices": [vars(one) for one in made.choices]})
    else:
        _tell(made, asks)


def _dbt_place(
    dbt: Path | None, data: str | None, profile: str | None, target: str | None, profiles_dir: Path | None
) -> DbtPlace | None:
    """The dbt project that has the data, whether it was named as one or as data."""
    from segflow.start.dbt_models import DbtPlace, place_at

    said = {"--profile": profile, "--target": target, "--profiles-dir": profiles_dir}
    found = DbtPlace(dbt.expanduser().resolve()) if dbt is not None else place_at(data)
    if found is None:
        if wrong := next((name for name, value in said.items() if value is not None), None):
            raise InputError(f"{wrong} is about a dbt project; say which: --dbt FOLDER")
        return None
    folder = profiles_dir.expanduser().resolve() if profiles_dir is not None else None
    return DbtPlace(found.project, profile, target, folder)


def _asked(proposal: Proposal) -> bool:
    from segflow.cli import show

    show.out.print(_proposal(proposal.choices, proposal.left_out), markup=False, soft_wrap=True)
    return typer.confirm("Make a project of that?", default=True, err=True)


def _proposal(choices: object, left_out: object) -> str:
    lines = [f"{one.what}: {one.why}" for one in choices]  # type: ignore[attr-defined]
    out = [f"- {one}" for one in left_out]  # type: ignore[attr-defined]
    return "\n".join([*lines, *(["", "Left out:", *out] if out else []), ""])


def _tell(made: Started, told: bool) -> None:
    from segflow.cli import show

    if not told:
        show.out.print(_proposal(made.choices, made.left_out), markup=False, soft_wrap=True)
    counts = ", ".join(f"{name} ({members:,} of {made.contacts:,})" for name, members in made.segments.items())
    show.out.print(f"Made {made.root}: {len(made.files)} files.", markup=False, soft_wrap=True)
    show.out.print(f"Segments: {counts}. Flows: {', '.join(made.flows)}.", markup=False, soft_wrap=True)
    show.out.print("\nTry:", markup=False)
    for command in made.commands:
        show.out.verbatim(f"  {command}")
