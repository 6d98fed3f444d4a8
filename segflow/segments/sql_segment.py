"""`.sql` segments: the user's query as a dbt model of one column, contact_id."""

from __future__ import annotations

import re

from sqlglot.errors import ErrorLevel, UnsupportedError

from segflow.errors import InputError
from segflow.segments.emit import TABLE, indent, model_text, ref_text
from segflow.segments.membership_models import segment_model
from segflow.specs.segment import NamedSegment, SqlSegmentSpec
from segflow.specs.sql_allowlist import AS_OF, REF_PREFIX, parse_sql
from segflow.specs.sql_file import OWN_CONTACTS, REF, Reference, reference, references
from segflow.warehouse.engines import wing
from segflow.warehouse.like_patterns import with_escapes
from segflow.warehouse.names import own_model
from segflow.warehouse.words import Words

_AS_OF = re.compile(r"\{\{-?\s*as_of\(\s*\)\s*-?\}\}")
_TRAILING = re.compile(r"[;\s]+\Z")
_PLACEHOLDER = re.compile(rf'"?{REF_PREFIX}(\w+)"?')


def sql_references(sql: str) -> set[str]:
    """The segments that a query refers to by `{{ ref('segment__ID') }}`."""
    return {one.segment for one in references(sql) if one.segment is not None}


def in_dialect(sql: str, engine: str, dialect: str) -> str:
    """A query that was written for `engine`, in a `dialect`: tests of a segment run on the embedded engine, whatever
    the project's is. As it is when the two are the same. Raises InputError where the other has no form for it."""
    if dialect == wing(engine).dialect:
        return sql
    written = {
        f"{one.project}__{one.model}" if one.project else one.model: match.group()
        for match in REF.finditer(sql)
        if (one := reference(match))
    }
    tree = with_escapes(parse_sql(sql, engine).query, wing(engine).dialect, wing(engine).like_escape)
    try:
        text = tree.sql(dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise InputError(f"the query has a part that only {wing(engine).title} has: {error}") from None
    text = _PLACEHOLDER.sub(lambda match: written[match[1]], text)
    return re.sub(rf"{AS_OF}\(\)", "{{ as_of() }}", text, flags=re.IGNORECASE)


def sql_text(sql: str, words: Words) -> str:
    """The members of a `.sql` segment: the query's contact_id, once each, as far as such contacts exist.

    The query stays as it was written; it was held against the allowlist before, so a subquery cannot be left.
    """
    query = _TRAILING.sub("", sql.strip())
    # One spelling of the two calls: whoever fills in or inlines a text looks for just that.
    query = REF.sub(lambda match: ref_text(_model(reference(match))), query)
    query = _AS_OF.sub("{{ segflow_as_of() }}", query)
    return (
        f"with written as (\n{indent(query)}\n)\n"
        "select distinct contacts.contact_id\n"
        "from written\n"
        f"inner join {ref_text(OWN_CONTACTS)} as contacts\n"
        f"    on contacts.contact_id = cast(written.contact_id as {words.text_type})"
    )


def _model(written: Reference) -> str:
    """A model as it is called, which for a segment with a long id is not quite as it is written."""
    return own_model(segment_model(written.segment)) if written.segment is not None else written.meant


def sql_model_text(segment: NamedSegment, generated: str, words: Words) -> str:
    """The dbt model. Its extra column is the tick that it was built for."""
    assert isinstance(segment.spec, SqlSegmentSpec)
    text = sql_text(segment.spec.sql, words).replace(
        "select distinct contacts.contact_id\n",
        "select distinct contacts.contact_id, {{ segflow_tick_id() }} as tick_id\n",
    )
    comment = [f"{generated} Edit {segment.file}."]
    if segment.spec.description:
        comment += ["", segment.spec.description]
    return model_text(text, materialized=TABLE, relation=segment_model(segment.id), comment=comment)
