"""`segflow test`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segflow.cli.shared import options_of

if TYPE_CHECKING:
    from segflow.segments.rule_tests import Outcome
    from segflow.worlds.flow_tests import FlowOutcome


def run_segment_tests(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Segments and flows; default: all that have tests.")] = None,
) -> None:
    """Run the tests of segments and flows: rows in, members or messages out. Needs no dbt and no warehouse, and sends
    nothing. Exit code 1: one failed."""
    from segflow.cli import show
    from segflow.segments.rule_tests import run_tests
    from segflow.specs.load import load_specs
    from segflow.worlds.flow_tests import run_flow_tests

    options = options_of(context)
    specs = load_specs(options.root.resolve())
    # A name of both means both.
    flows = [name for name in names or () if name in specs.flows and specs.flows[name].spec.tests]
    segments = [name for name in names or () if name not in flows or name in specs.segments]
    of_segments = [] if names and not segments else list(run_tests(specs, segments))
    of_flows = [] if names and not flows else list(run_flow_tests(specs, flows))
    outcomes: list[Outcome | FlowOutcome] = [*of_segments, *of_flows]
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if options.json:
        tests = [{**vars(one), "passed": one.passed, "seconds": round(one.seconds, 3)} for one in outcomes]
        show.as_json({"passed": len(outcomes) - len(failed), "failed": len(failed), "tests": tests})
    else:
        for outcome in failed:
            show.error(str(outcome))
        if not outcomes:
            show.out.print("Nothing has tests: write tests: into a file of segment_specs/ or flow_specs/.")
        else:
            tests_word = "test" if len(outcomes) == 1 else "tests"
            told = (
                f"{len(failed)} of {len(outcomes)} {tests_word} failed"
                if failed
                else f"{len(outcomes)} {tests_word} passed"
            )
            where = [
                f"{many} {word}{'' if many == 1 else 's'}"
                for many, word in (
                    (len({one.segment for one in of_segments}), "segment"),
                    (len({one.flow for one in of_flows}), "flow"),
                )
                if many
            ]
            show.out.print(f"{told}, {' and '.join(where)}")
    if failed:
        raise typer.Exit(1)
