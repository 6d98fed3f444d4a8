"""The command line. Exit code 0: done; 1: it ran and something failed; 2: your input is wrong."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from segflow.cli.api_keys import api_key_app
from segflow.cli.backtest import backtest
from segflow.cli.compile import compile_
from segflow.cli.contact import contact_app
from segflow.cli.coupons import coupons_app
from segflow.cli.doctor import doctor
from segflow.cli.explain import explain
from segflow.cli.export import export
from segflow.cli.flow import flow_app
from segflow.cli.fmt import fmt
from segflow.cli.freeze import freeze
from segflow.cli.history import history, overlap
from segflow.cli.imports import import_, imports
from segflow.cli.init import init
from segflow.cli.lint import lint
from segflow.cli.listings import flows, segments
from segflow.cli.move import move
from segflow.cli.outbox import outbox_app
from segflow.cli.plan import plan
from segflow.cli.preview import preview
from segflow.cli.rebuild import compact, rebuild
from segflow.cli.release import release
from segflow.cli.render import render, send_test
from segflow.cli.schema import schema
from segflow.cli.sender import sender_app
from segflow.cli.serve import serve
from segflow.cli.shared import Options
from segflow.cli.stop_sending import stop_sending
from segflow.cli.suppressions import suppressions_app
from segflow.cli.tasks import tasks
from segflow.cli.test import run_segment_tests
from segflow.cli.tick import tick
from segflow.cli.trace import trace
from segflow.cli.ui import ui
from segflow.cli.validate import validate
from segflow.cli.vars import vars_
from segflow.errors import SegflowError, WarehouseError
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
app.add_typer(coupons_app, name="coupons")
app.add_typer(sender_app, name="sender")
app.add_typer(api_key_app, name="api-key")
app.add_typer(contact_app, name="contact")
app.add_typer(suppressions_app, name="suppressions")
for command in (
    preview,
    plan,
    explain,
    segments,
    flows,
    tasks,
    history,
    overlap,
    trace,
    backtest,
    render,
    export,
    freeze,
    release,
    imports,
    doctor,
    rebuild,
    compact,
    move,
    lint,
):
    app.command()(command)
app.command()(init)
app.command("test")(run_segment_tests)
app.command("import")(import_)
for command in (validate, tick, fmt, schema, ui, serve):
    app.command()(command)
app.command("stop-sending")(stop_sending)
app.command("send-test")(send_test)
app.command("compile")(compile_)
app.command("vars")(vars_)


ProjectDir = Annotated[Path, typer.Option("--project-dir", help="The project's folder.", show_default="here")]
OutputFormat = Annotated[Literal["table", "json"], typer.Option("--format", help="How results are printed.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"segflow {version('segflow')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which one it is.")]


@app.callback()
def _shared(
    context: typer.Context,
    project_dir: ProjectDir = Path("."),
    format: OutputFormat = "table",
    version: Version = False,
) -> None:
    context.obj = Options(project_dir, format == "json")


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
    gc.set_threshold(*_SELDOM)
    try:
        main()
    finally:
        if may_leave_garbage():
            gc.freeze()
        else:
            gc.unfreeze()


_SELDOM = (50_000, 20, 20)
"""A command imports and parses a million objects that stay: to look for garbage every 700 takes a tenth of its time."""


# Typer keeps its copy of click to itself; this is the base of its usage errors.
_UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _shared_first(arguments: list[str]) -> list[str]:
    """Let the shared options stand anywhere: `segflow segments --format json` is what people type.

    `export`, `plan` and `flow show` have a --format of their own, which stays where it is.
    """
    shared: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        name = word.split("=", 1)[0]
        own = name == "--format" and (rest[:1] == ["export"] or "plan" in rest or rest[:2] == ["flow", "show"])
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
