# ruff: noqa: E501 (tables: one case per line)
"""Whatever happens to a spec file, loading it ends in specs or in located issues."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from segflow.errors import SpecError
from segflow.specs.fmt import format_flow
from segflow.specs.load import collect
from tests.specs.helpers import CATALOG, FLOW, SEGMENT, project
from tests.specs.test_schema import BIG_FLOW, BIG_SEGMENT, SETTINGS

FILES = {
    "segments__catalog": CATALOG,
    "segments__tea": SEGMENT,
    "segments__big": BIG_SEGMENT,
    "flows__hello": FLOW,
    "flows__big": BIG_FLOW,
    "settings": SETTINGS,
    "sql__raw": "/*\ndescription: x\ntests: [{name: y, as_of: 2026-01-01, members: [a], contacts: [{contact_id: a}], segments: {tea: [a]}}]\n*/\nselect contact_id from {{ ref('segment__tea') }}\n",
    "templates__welcome": "---\nsubject: Hi {{ contact.city }}\n---\n{% if contact.city %}Hello{% endif %}\n",
}
PIECES = st.sampled_from([
    "null", "true", "5", "-1", "1e400", "[]", "{}", "''", "[[", "}", ": ", "- ", "\n", "\t", "#", "&a ", "*a", "!x ", "|",
    ">", "{{ ", "%}", "<event>", "enrollment", "${env:X}", "0 days", "'", '"', "\\", "é", "\x00", "is", "where", "any", "id",
])  # fmt: skip
WORDS = st.one_of(PIECES, st.text(max_size=8))


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, str]:
    name = draw(st.sampled_from(sorted(FILES)))
    text = FILES[name]
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(WORDS) + text[end:]
    return {**FILES, name: text}


@given(mutated())
@settings(max_examples=150, deadline=None)
def test_no_mutation_raises_anything_but_issues(files: dict[str, str]) -> None:
    encoded = {name: text.encode("utf-8", "replace").decode("utf-8") for name, text in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        specs, issues = collect(project(Path(folder), **encoded))
    assert (specs is None) == bool(issues)
    assert all(issue.message and issue.file for issue in issues)


@given(mutated())
@settings(max_examples=150, deadline=None)
def test_formatting_is_idempotent_or_refuses(files: dict[str, str]) -> None:
    for name in ("flows__hello", "flows__big"):
        try:
            once = format_flow(files[name])
        except SpecError:
            continue
        assert format_flow(once) == once
