"""`segflow test`."""

from __future__ import annotations

from typing import Annotated

import typer

from segflow.cli.shared import options_of


def run_segment_tests(
    context: typer.Context,
    segments: Annotated[list[str] | None, typer.Argument(help="Segments; default: all that have tests.")] = None,
) -> None:
    """Run the tests of segments: rows in, members out. Needs no dbt and no warehouse. Exit code 1: one failed."""
    from segflow.cli import show
    from segflow.segments.rule_tests import run_tests
    from segflow.specs.load import load_specs

    options = options_of(context)
    outcomes = list(run_tests(load_specs(options.root.resolve()), segments or ()))
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if options.json:
        tests = [{**vars(one), "passed": one.passed, "seconds": round(one.seconds, 3)} for one in outcomes]
        show.as_json({"passed": len(outcomes) - len(failed), "failed": len(failed), "tests": tests})
    else:
        for outcome in failed:
            show.error(str(outcome))
        if not outcomes:
            show.out.print("No segment has tests: write tests: into a file of segment_specs/.")
        else:
            where = len({outcome.segment for outcome in outcomes})
            tests_word = "test" if len(outcomes) == 1 else "tests"
            told = (
                f"{len(failed)} of {len(outcomes)} {tests_word} failed"
                if failed
                else f"{len(outcomes)} {tests_word} passed"
            )
            show.out.print(f"{told}, {where} {'segment' if where == 1 else 'segments'}")
    if failed:
        raise typer.Exit(1)
