"""Message templates: `flow_specs/templates/NAME.txt` and `NAME.html`, and the checks that texts get when specs load."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import jinja2

from segflow.errors import InputError, Issue, did_you_mean
from segflow.messages import is_address
from segflow.specs.spec_file import Node, parse_spec_file, read_text
from segflow.specs.template_names import ANYTHING, Triggered, coupons_used, name_problems

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_SETTINGS = ("subject", "reply_to")
_ENVIRONMENT = jinja2.Environment(autoescape=True)


@dataclass(frozen=True)
class Template:
    """The sources of one template. At least one of `text` and `html` is there."""

    subject: str | None = None
    reply_to: str | None = None
    text: str | None = None
    html: str | None = None
    text_line: int = 1
    """The line of NAME.txt on which `text` starts, after the front matter."""
    html_line: int = 1


@dataclass
class _Part:
    body: str
    line: int
    settings: dict[str, str]
    places: dict[str, tuple[int, int]]


def load_template(template_dir: Path, name: str) -> Template:
    """Read template `name`: NAME.txt, NAME.html or both. The first of them that has front matter gives subject and
    reply_to. Raises InputError when there is none, or when it cannot be read."""
    template, issues = read_template(template_dir, name, template_dir.name)
    if template is None:
        raise InputError("\n".join(str(issue) for issue in issues) or f"there is no template {name}")
    return template


def read_template(template_dir: Path, name: str, folder: str) -> tuple[Template | None, list[Issue]]:
    """As load_template, with issues in place of exceptions; no issue and no template: the files do not exist.

    `folder` is what messages call the directory.
    """
    parts: dict[str, _Part] = {}
    issues: list[Issue] = []
    for suffix in ("txt", "html"):
        path = template_dir / f"{name}.{suffix}"
        if not _NAME.fullmatch(name) or not path.is_file():
            continue
        file = f"{folder}/{path.name}"
        text, found = read_text(path, file)
        part, problems = _split(text, file)
        issues += found + problems
        parts[suffix] = part
    if issues or not parts:
        return None, issues
    settings = next((part.settings for part in parts.values() if part.settings), {})
    plain, html = parts.get("txt"), parts.get("html")
    return Template(
        subject=settings.get("subject"),
        reply_to=settings.get("reply_to"),
        text=plain.body if plain else None,
        html=html.body if html else None,
        text_line=plain.line if plain else 1,
        html_line=html.line if html else 1,
    ), []


def template_names(template_dir: Path) -> list[str]:
    """The templates that exist, by name, sorted."""
    if not template_dir.is_dir():
        return []
    return sorted({path.stem for path in template_dir.iterdir() if path.suffix in (".txt", ".html")})


def _split(text: str, file: str) -> tuple[_Part, list[Issue]]:
    """Front matter and body."""
    match = _FRONT.match(text)
    if match is None:
        if re.match(r"---[ \t]*\r?\n", text):
            return _Part(text, 1, {}, {}), [Issue(file, 1, 1, "the front matter has no closing --- line")]
        return _Part(text, 1, {}, {}), []
    source = parse_spec_file("\n" + match.group(1), file)
    part = _Part(text[match.end() :], text.count("\n", 0, match.end()) + 1, {}, {})
    issues = list(source.issues)
    if source.data is not None and not isinstance(source.data, dict):
        issues.append(Issue(file, 2, 1, "the front matter must hold subject: and reply_to:"))
    elif not issues:
        for key, node in source.root.children.items():
            issues += _setting(file, str(key), node, source.root.keys[key], part)
    return part, issues


def _setting(file: str, key: str, node: Node, place: tuple[int, int], part: _Part) -> list[Issue]:
    if key not in _SETTINGS:
        return [
            Issue(file, *place, f"unknown key {key}{did_you_mean(key, _SETTINGS) or '; known here: subject, reply_to'}")
        ]
    if not isinstance(node.value, str):
        return [Issue(file, *node.place, f"{key} must be a text; put it in quotes")]
    if key == "reply_to" and not is_address(node.value):
        return [Issue(file, *node.place, f"reply_to must be an address, not '{node.value}'")]
    part.settings[key], part.places[key] = node.value, node.place
    return []


def check_template(
    template_dir: Path, name: str, folder: str, attributes: Collection[str], triggered: Triggered = ANYTHING
) -> list[Issue]:
    """Every problem of the template's files: front matter, Jinja syntax, names that will not exist."""
    template, issues = read_template(template_dir, name, folder)
    if template is None:
        return issues
    for suffix in ("txt", "html"):
        path = template_dir / f"{name}.{suffix}"
        if path.is_file():
            file = f"{folder}/{path.name}"
            part, _ = _split(read_text(path, file)[0], file)
            issues += check_text(part.body, file, (part.line, 1), attributes, triggered, whole_lines=True)
            for key, place in part.places.items():
                issues += check_text(part.settings[key], file, place, attributes, triggered, whole_lines=False)
    return issues


def coupons_of(text: str | None) -> list[str]:
    """The steps whose codes a text has; none when it is no template."""
    if text is None or "{" not in text:
        return []
    try:
        return [step for _, step in coupons_used(_ENVIRONMENT.parse(text))]
    except (jinja2.TemplateError, RecursionError, ValueError, SyntaxError):
        return []


def check_text(
    text: str,
    file: str,
    place: tuple[int, int],
    attributes: Collection[str],
    triggered: Triggered = ANYTHING,
    *,
    whole_lines: bool,
) -> list[Issue]:
    """The problems of one Jinja text. `place` is where it starts. `whole_lines`: its line breaks are those of the
    file, so problems get a line of their own; otherwise (YAML may fold lines) they are reported at `place`."""

    def at(line: int, message: str) -> Issue:
        return Issue(file, place[0] + line - 1, 1, message) if whole_lines else Issue(file, *place, message)

    if "{" not in text:
        return []
    try:
        tree = _ENVIRONMENT.parse(text)
        _ENVIRONMENT.compile(text)  # finds unknown filters and tests, which parse does not
    except jinja2.TemplateSyntaxError as error:
        return [at(error.lineno, f"the template is not valid: {error.message}")]
    except (jinja2.TemplateError, RecursionError, ValueError, SyntaxError) as error:
        return [at(1, f"the template is not valid: {error}")]
    return [at(line, message) for line, message in name_problems(tree, attributes, triggered)]
