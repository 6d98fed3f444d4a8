"""Which column of a file is which attribute."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from segflow.errors import InputError, did_you_mean
from segflow.imports.import_files import Given
from segflow.specs.catalog import Catalog

CONTACT = "contact_id"
Mapping = Sequence[tuple[str, str]]
"""(column, attribute) pairs; an empty attribute leaves the column out."""


def parse_mapping(texts: Sequence[str]) -> Mapping:
    """`column=attribute` texts as pairs. Raises InputError."""
    found = []
    for text in texts:
        column, separator, attribute = text.rpartition("=")
        if not separator:
            raise InputError(
                f"--map {text}: write COLUMN=ATTRIBUTE, or COLUMN= to leave a column out (= alone: one without a name)"
            )
        found.append((column, attribute))
    return found


def targets(given: Given, catalog: Catalog, mapping: Mapping) -> dict[str, str]:
    """Target (`contact_id`, or an attribute) -> the column of the file that holds it. Raises InputError with every
    problem of the header."""
    attributes = catalog.contacts.attributes
    known = [CONTACT, *attributes]
    columns = given.rows.column_names
    problems = []
    for column, target in mapping:
        if column not in columns:
            what = f"column {column}{did_you_mean(column, columns)}" if column else "column without a name"
            problems.append(f"--map {column}={target}: {given.name} has no {what}")
        elif target and columns.count(column) > 1:
            problems.append(f"--map {column}={target}: {given.name} has several columns without a name")
        if target and target not in known:
            near = did_you_mean(target, known) or f"; there are {', '.join(known)}"
            problems.append(f"--map {column}={target}: there is no attribute {target}{near}")
    told = {column for column, _ in mapping}
    pairs = [(column, target) for column, target in mapping if target]
    for number, column in enumerate(columns, start=1):
        if column in told:
            continue
        is_key = column == catalog.contacts.key and CONTACT not in columns and CONTACT not in dict(pairs).values()
        meant = [CONTACT] if is_key or column == CONTACT else []
        meant += [column] if column in attributes else []
        pairs += [(column, target) for target in meant]
        if not meant:
            shown = column or f"number {number}, which has no name"
            near = did_you_mean(column, known)
            advice = f"say which one it is with --map '{column}=ATTRIBUTE', or leave it out with --map '{column}='"
            problems.append(f"{given.name}: column {shown} is no attribute of the catalog{near}; {advice}")
    problems += _clashes(given, pairs)
    for column, target in pairs:
        if target in attributes and attributes[target].type == "list_of_text":
            problems.append(
                f"{given.name}: {target} is a list_of_text, which cannot be imported; leave column {column} out"
            )
    if not problems and CONTACT not in {target for _, target in pairs}:
        problems.append(
            f"{given.name}: no column holds the contacts' ids; call it {CONTACT}, or say which one it is with "
            f"--map COLUMN={CONTACT}"
        )
    if problems:
        raise InputError("\n".join(problems))
    found = {target: column for column, target in pairs}
    if pa.types.is_floating(given.rows.schema.field(found[CONTACT]).type):
        raise InputError(
            f"{given.name}: column {found[CONTACT]} holds contact ids as numbers with a fraction; "
            "write whole numbers or texts"
        )
    return found


def _clashes(given: Given, pairs: Mapping) -> list[str]:
    found = []
    for target in dict.fromkeys(target for _, target in pairs):
        columns = [column for column, other in pairs if other == target]
        if len(columns) > 1:
            found.append(
                f"{given.name}: columns {' and '.join(columns)} both hold {target}; leave one out with --map COLUMN="
            )
    return found
