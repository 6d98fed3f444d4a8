"""`segment_specs/ID.sql`: the settings in the leading comment, and the query after it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from segflow.errors import Issue
from segflow.specs.issues import known_keys, validate
from segflow.specs.segment import SegmentSettings, SqlSegmentSpec
from segflow.specs.spec_file import SpecFile, parse_spec_file, read_spec_file, read_text
from segflow.warehouse.names import own_model

_NAME = r"(?:'(?P<{0}1>[^'\n]*)'|\"(?P<{0}2>[^\"\n]*)\")"
REF = re.compile(rf"\{{\{{-?\s*ref\(\s*(?:{_NAME.format('project')}\s*,\s*)?{_NAME.format('model')}\s*\)\s*-?\}}\}}")
CONTACTS = "contacts"
SEGMENT_MODEL = "segment__"
"""The relation of segment x is called segment__x."""
OWN_CONTACTS, OWN_SEGMENT = own_model(CONTACTS), own_model(SEGMENT_MODEL)
"""The dbt models of segflow's that a query may name, without their prefix, too."""
_SETTING = re.compile(rf"^\s*({'|'.join(known_keys(SegmentSettings))})\s*:", re.MULTILINE)


class Reference(NamedTuple):
    """A `{{ ref('model') }}` or `{{ ref('project', 'model') }}` in a query, as it is written."""

    project: str | None
    model: str
    line: int
    column: int

    @property
    def meant(self) -> str:
        """The dbt model: `contacts` and `segment__ID` are segflow's, unless a project is named."""
        short = self.model == CONTACTS or self.model.startswith(SEGMENT_MODEL)
        return own_model(self.model) if short and self.project is None else self.model

    @property
    def segment(self) -> str | None:
        """The segment that it names; None for anything else."""
        return self.meant.removeprefix(OWN_SEGMENT) if self.meant.startswith(OWN_SEGMENT) else None


def reference(match: re.Match[str]) -> Reference:
    """What a match of REF says."""
    before, project = match.string[: match.start()], match["project1"] or match["project2"]
    line, column = before.count("\n") + 1, match.start() - (before.rfind("\n") + 1) + 1
    return Reference(project, match["model1"] or match["model2"] or "", line, column)


def references(sql: str) -> list[Reference]:
    """The models that a query names, in order. Places count from 1."""
    return [reference(match) for match in REF.finditer(sql)]


def read_sql_segment(path: Path, file: str) -> tuple[SqlSegmentSpec | None, list[Issue]]:
    """Read one `.sql` segment: the spec (None when something is wrong) and its issues."""
    text, issues = read_text(path, file)
    return (None, issues) if issues else parse_sql_segment(text, file)


def read_segment_file(path: Path, file: str) -> SpecFile:
    """The YAML of a segment, for the places of what it says: the file's, or that of a `.sql` file's first comment."""
    if path.suffix != ".sql":
        return read_spec_file(path, file)
    return parse_spec_file(_split(read_text(path, file)[0])[0], file)


def parse_sql_segment(text: str, file: str) -> tuple[SqlSegmentSpec | None, list[Issue]]:
    """Split the text of a `.sql` segment into settings and query.

    The first comment is YAML with the keys of SegmentSettings; prose becomes the description.
    """
    comment, rest = _split(text)
    start = text.count("\n", 0, rest) + 1
    query = text[rest:].rstrip()
    issues: list[Issue] = []
    settings = SegmentSettings()
    if comment.strip():
        source = parse_spec_file(comment, file)
        if isinstance(source.data, dict) and any(str(key).isidentifier() for key in source.data):
            found, issues = validate(SegmentSettings, source)
            issues = source.issues + issues
            settings = found or settings
        elif source.issues and _SETTING.search(comment):
            issues = source.issues
        else:
            settings = SegmentSettings(description=" ".join(comment.split()))
    if not query.strip(" ;\n\t"):
        issues.append(Issue(file, start, 1, "there is no query: write one SELECT that returns contact_id"))
    if issues:
        return None, issues
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return SqlSegmentSpec(**given, sql=query, line=start), []


def _split(text: str) -> tuple[str, int]:
    """The first comment, its marks blanked so that lines and columns stay, and where the query starts."""
    start = len(text) - len(text.lstrip())
    lead = re.sub(r"[^\n]", " ", text[:start])
    if text.startswith("/*", start):
        end = text.find("*/", start + 2)
        end = len(text) if end < 0 else end
        comment, after = f"{lead}  {text[start + 2 : end]}", min(end + 2, len(text))
    elif text.startswith("--", start):
        comment, after = lead, start
        for line in text[start:].splitlines(keepends=True):
            if not line.lstrip().startswith("--"):
                break
            comment += line.replace("--", "  ", 1)
            after += len(line)
    else:
        return "", start
    return comment, after + len(text[after:]) - len(text[after:].lstrip())
