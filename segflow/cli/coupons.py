"""`segflow coupons`: the codes that coupon steps give away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segflow.cli.shared import options_of, project_of

coupons_app = typer.Typer(help="Pools of coupon codes: what is left, and new codes.")


@coupons_app.callback(invoke_without_command=True)
def _coupons(context: typer.Context) -> None:
    """Pools of coupon codes: what is left, and new codes."""
    if context.invoked_subcommand is not None:
        return
    from segflow.cli import show

    rows = project_of(context).coupons()
    if options_of(context).json:
        show.as_json({"pools": rows})
    else:
        show.table(rows, ["pool", "left", "claimed", "warn_below"])


@coupons_app.command("add")
def coupons_add(
    context: typer.Context,
    pool: Annotated[str, typer.Argument(help="The pool; it need not exist.")],
    file: Annotated[Path, typer.Argument(help="A text file with one code a line.")],
) -> None:
    """Put the codes of a file into a pool. A code that the pool has or had is left alone."""
    from segflow.cli import show
    from segflow.decisions.coupons import codes_of

    codes = codes_of(file)
    added = project_of(context).add_coupons(pool, codes)
    if options_of(context).json:
        show.as_json({"pool": pool, "added": added, "known": len(codes) - added})
        return
    known = f"; {len(codes) - added:,} were there already" if added < len(codes) else ""
    show.out.print(f"{added:,} codes are new in pool {pool}{known}.", markup=False)
