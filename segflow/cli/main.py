"""The command line. Exit code 0: done; 1: it ran and something failed; 2: your input is wrong."""

from __future__ import annotations

import gc
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from segflow.cli.doctor import doctor
from segflow.cli.explain import explain
from segflow.cli.export import export
from segflow.cli.flow import flow_app
from segflow.cli.freeze import freeze
from segflow.cli.history import history, overlap
from segflow.cli.imports import import_, imports
from segflow.cli.lint import lint
from segflow.cli.listings import flows, segments
from segflow.cli.outbox import outbox_app
from segflow.cli.plan import plan
from segflow.cli.preview import preview
from segflow.cli.rebuild import compact, rebuild
from segflow.cli.release import release
from segflow.cli.shared import Options, instant_of, options_of, project_of
from segflow.cli.test import run_segment_tests
from segflow.errors import SegflowError, SpecError, WarehouseError
from segflow.warehouse.engines import may_leave_garbage

# What takes long to import is imported by the commands that need it: `segflow validate` answers at once.

app = typer.Typer(
    name="segflow",
    help="Segment automation inside your warehouse: segments in git, crossings in tables, flows in SQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(outbox_app, name="outbox")
app.add_typer(flow_app, name="flow")
for command in (
    preview,
    plan,
    explain,
    segments,
    flows,
    history,
    overlap,
    export,
    freeze,
    release,
    imports,
    doctor,
    rebuild,
    compact,
    lint,
):
    app.command()(command)
app.command("test")(run_segment_tests)
app.command("import")(import_)


ProjectDir = Annotated[Path, typer.Option("--project-dir", help="The project's folder.", show_default="here")]
OutputFormat = Annotated[Literal["table", "json"], typer.Option("--format", help="How results are printed.")]


@app.callback()
def _shared(context: typer.Context, project_dir: ProjectDir = Path("."), format: OutputFormat = "table") -> None:
    context.obj = Options(project_dir, format == "json")


@app.command()
def validate(context: typer.Context) -> None:
    """Check every spec file and report every problem of all of them."""
    from segflow.cli import show
    from segflow.segments.compiler import compile_project
    from segflow.specs.load import load_specs

    options = options_of(context)
    issues = []
    try:
        compile_project(specs := load_specs(options.root.resolve()))
    except SpecError as error:
        issues = error.issues
    if options.json:
        show.as_json({"issues": [vars(issue) for issue in issues]})
    elif not issues:
        show.out.print(f"{len(specs.segments)} segments and {len(specs.flows)} flows are fine.")
    if issues:
        if not options.json:
            show.error("\n".join(str(issue) for issue in issues))
            show.error(f"{len(issues)} problem{'s' if len(issues) > 1 else ''}")
        raise typer.Exit(2)


@app.command("compile")
def compile_(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when models and specs differ.")] = False,
) -> None:
    """Generate the dbt models from the specs."""
    from segflow.cli import show

    project = project_of(context)
    if check:
        found = project.check_models()
        if options_of(context).json:
            show.as_json({"differences": found})
        else:
            show.error("\n".join(found)) if found else show.out.print("The generated models match the specs.")
        if found:
            if not options_of(context).json:
                show.error("Run segflow compile and commit what it writes.")
            raise typer.Exit(1)
        return
    changed = [str(path) for path in project.write_models()]
    if options_of(context).json:
        show.as_json({"changed": changed})
    else:
        show.out.print("\n".join([*changed, f"{len(changed)} files changed"]), markup=False)


@app.command()
def tick(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
    no_send: Annotated[bool, typer.Option("--no-send", help="Plan messages, send none.")] = False,
) -> None:
    """Run one tick: build, cross, advance, send, export. A tick that died is resumed first."""
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from segflow.cli import show

    project = project_of(context)
    moment = instant_of(as_of)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=show.errors, transient=True, disable=options_of(context).json) as bar:
        task = bar.add_task("start")
        report = project.tick(
            moment,
            send=not no_send,
            progress=lambda run, stage: bar.update(task, description=f"{run.row.tick_id} {stage}"),
        )
    if options_of(context).json:
        show.as_json(show.report_data(report))
    else:
        show.tick_report(report, project.root)
    if report.errors:
        raise typer.Exit(1)


@app.command()
def fmt(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when a file would change.")] = False,
) -> None:
    """Write missing step ids into the flows; comments and layout stay."""
    from segflow.cli import show
    from segflow.specs.fmt import fmt_project

    changed = [str(path) for path in fmt_project(options_of(context).root.resolve(), check)]
    if options_of(context).json:
        show.as_json({"changed": changed})
    else:
        verb = "would change" if check else "changed"
        show.out.print("\n".join([*changed, f"{len(changed)} files {verb}"]), markup=False)
    if check and changed:
        raise typer.Exit(1)


@app.command()
def schema(
    context: typer.Context,
    directory: Annotated[Path | None, typer.Option(help="Where to; default: .segflow/schemas of the project.")] = None,
) -> None:
    """Write JSON Schemas of the spec files, for editors that complete and check YAML."""
    from segflow.cli import show
    from segflow.specs.schema import write_schemas

    target = directory or options_of(context).root.resolve() / ".segflow" / "schemas"
    written = [str(path) for path in write_schemas(target)]
    if options_of(context).json:
        show.as_json({"written": written})
    else:
        show.out.print("\n".join(written), markup=False)


@app.command("vars")
def vars_(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="The moment to look at, in ISO form. Default: now.")] = None,
) -> None:
    """Print the dbt vars of a moment: dbt build --vars "$(segflow vars)" builds the models by hand."""
    import json

    from segflow.ticks.ledger import tick_id_of

    project = project_of(context)
    moment = (instant_of(as_of) or datetime.now(UTC)).replace(microsecond=0)
    bounds = json.loads(project.compiled.bounds_at(moment))
    print(json.dumps({"segflow": {"tick_id": f"manual_{tick_id_of(moment)}", "bounds": bounds}}))


@app.command("stop-sending")
def stop_sending(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; it is shown until sending goes on.")] = "stopped by hand",
    lift: Annotated[bool, typer.Option("--lift", help="Let sending go on.")] = False,
) -> None:
    """Stop all sending at once, also in a tick that runs right now. Messages wait in the outbox."""
    from segflow.cli import show

    store = project_of(context).store
    if lift:
        store.resume_sending()
    else:
        store.stop_sending(reason)
    if options_of(context).json:
        show.as_json({"stopped": store.stopped()})
    else:
        show.out.print("Sending goes on with the next tick." if lift else f"Sending is stopped: {reason}", markup=False)


@app.command()
def ui(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 3000,
) -> None:
    """Start the Dagster UI on this project."""
    root = str(options_of(context).root.resolve())
    # A process of its own: the engine knows nothing of Dagster.
    command = [sys.executable, "-m", "segflow.dagster", "--project-dir", root, "--host", host, "--port", str(port)]
    raise typer.Exit(subprocess.call(command))


def main() -> None:
    """Run a command; errors become messages on stderr and exit codes. Raises SystemExit."""
    try:
        code = app(_shared_first(sys.argv[1:]), standalone_mode=False)
    except SegflowError as error:
        _tell(str(error))
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = STOPPED
    except _UsageError as error:
        error.show()
        code = error.exit_code
    except Exception as error:
        _unexpected(error)
        code = 1
    if code == STOPPED:
        # Typer answers Ctrl-C with this code too, and says nothing.
        print("Stopped. Run segflow tick again: it goes on where this one was stopped.", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


STOPPED = 130


def _tell(text: str) -> None:
    from segflow.cli import show

    show.error(text)


def run() -> None:
    """The console command. Ends without a last search for garbage: among dbt's objects that takes a second."""
    try:
        main()
    finally:
        if may_leave_garbage():
            gc.freeze()
        else:
            gc.unfreeze()


# Typer keeps its copy of click to itself; this is the base of its usage errors.
_UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _shared_first(arguments: list[str]) -> list[str]:
    """Let the shared options stand anywhere: `segflow segments --format json` is what people type.

    `export` and `plan` have a --format of their own, which stays where it is.
    """
    shared: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name = word.split("=", 1)[0]
        own = name == "--format" and ("export" in rest or "plan" in rest)
        if name in ("--project-dir", "--format") and not own:
            shared.append(word)
            shared += [] if "=" in word else [following for following in [next(words, None)] if following is not None]
        elif word == "--":
            rest += [word, *words]
        else:
            rest.append(word)
    return shared + rest


def _unexpected(error: Exception) -> None:
    """Tell of what no line of ours expects but the world is full of; anything else is a bug and raised."""
    from sqlalchemy.exc import SQLAlchemyError

    from segflow.files import reason

    # A full disk, a lost file, a locked database: nothing of the failed stage was committed.
    if isinstance(error, OSError):
        _tell(f"cannot use {error.filename}: {reason(error)}" if error.filename else f"the system says: {error}")
    elif isinstance(error, WarehouseError):
        _tell(f"the warehouse fails: {error}")
    elif isinstance(error, SQLAlchemyError):
        _tell(f"the delivery store fails: {str(getattr(error, 'orig', None) or error).splitlines()[0]}")
    else:
        raise error
    _tell("Nothing of this stage was recorded. Mend the cause and run segflow tick again: it resumes.")


if __name__ == "__main__":
    run()
