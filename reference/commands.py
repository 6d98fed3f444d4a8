"""Every command of the command line, from what `--help` says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import typer

from reference.text import NOTE, cell, code, table
from segflow.cli.main import app

_PAGE = """# CLI reference

{note}
`segflow COMMAND --help` says the same. `--project-dir DIR` (default: here) and `--format table|json` may stand anywhere.

| exit code | |
|---|---|
| 0 | done |
| 1 | it ran, and something failed: a stale or held segment, a failed check, a message that was refused |
| 2 | your input is wrong: a spec, a name, an option; nothing was done |
| 130 | stopped by Ctrl-C; run it again |

A time is in ISO form, UTC where it names no zone; a fraction of a second is dropped.

On a terminal lines end where it does, and no name is broken in two; in a file or a pipe they are as long as they are, or as
`SEGFLOW_COLUMNS` says.

{index}
{commands}"""

_TIMES = ("as_of", "at", "since", "first", "last", "from_", "to_time")


def commands_page() -> str:
    """docs/CLI.md."""
    every = dict(_commands(typer.main.get_command(app), "segflow"))
    rows = [(f"[`{words}`](#{_anchor(words)})", cell(_first(command))) for words, command in every.items()]
    commands = "\n".join(_command(words, command) for words, command in every.items())
    return _PAGE.format(note=NOTE, index=table(("command", ""), rows), commands=commands)


def _anchor(words: str) -> str:
    return words.replace(" ", "-")


def _commands(command: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Those that do something; a group that does something by itself is one, too."""
    below = getattr(command, "commands", None)
    if below is None or (command.invoke_without_command and words != "segflow"):
        yield words, command
    for name, one in sorted((below or {}).items()):
        yield from _commands(one, f"{words} {name}")


def _first(command: Any) -> str:
    text: str = (command.help or "").replace("\b", "").strip().split("\n\n")[0]
    return text


def _command(words: str, command: Any) -> str:
    usage = [words]
    rows = []
    for parameter in command.params:
        name, said = _parameter(parameter)
        if parameter.param_type_name == "argument":
            usage.append(name if parameter.required else f"[{name}]")
        elif parameter.required:
            usage.append(name)
        rows.append((code(name), said))
    if any(parameter.param_type_name == "option" and not parameter.required for parameter in command.params):
        usage.append("[OPTIONS]")
    text = (command.help or "").replace("\b", "").strip()
    told = "\n".join(line.strip() for line in text.splitlines())
    end = f"\n{table(('', ''), rows)}" if rows else ""
    return f"## {words}\n\n{told}\n\n```text\n{' '.join(usage)}\n```\n{end}"


def _parameter(parameter: Any) -> tuple[str, str]:
    """How it is written, and what it means."""
    if parameter.param_type_name == "argument":
        return f"{parameter.name.upper()}{'...' if parameter.nargs != 1 else ''}", cell(parameter.help or "")
    names = ", ".join(parameter.opts) + (
        f" / {', '.join(parameter.secondary_opts)}" if parameter.secondary_opts else ""
    )
    name = names if parameter.is_flag or parameter.count else f"{names} {_kind(parameter)}"
    said, default = cell(parameter.help or ""), parameter.default
    plain = isinstance(default, (int, float, str)) and not isinstance(default, bool) and default != ""
    if plain and parameter.show_default and "default" not in said.lower():
        said += f" Default: `{default}`."
    return name, said


def _kind(parameter: Any) -> str:
    """What stands after an option's name."""
    if parameter.metavar:
        return str(parameter.metavar)
    kind = parameter.type_descriptor.annotation
    if get_origin(kind) is list:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if parameter.name in _TIMES:
        return "TIME"
    return {"Path": "PATH", "int": "N"}.get(getattr(kind, "__name__", ""), "TEXT")
