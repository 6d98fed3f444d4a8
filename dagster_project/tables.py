"""What an asset's page says of its columns: which there are, and where each comes from."""

from __future__ import annotations

from dagster import (
    AssetKey,
    TableColumn,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
)

from segflow.dagster.dbt_graph import DbtNode
from segflow.dagster.keys import model_key, segment_key
from segflow.dagster.pages import Metadata, code_of
from segflow.segments.compiler import CONTACTS
from segflow.specs.exports import OWN_COLUMNS, ExportPlan
from segflow.specs.project import Specs

_SCHEMA, LINEAGE = "dagster/column_schema", "dagster/column_lineage"
_OWN_TYPES = {"contact_id": "text", "entered_at": "timestamp", "exited_at": "timestamp", "entry_number": "number"}


class Tables:
    """Columns of a project's assets. dbt's manifest says which columns the user's models have and nothing of where they
    come from; the catalog says both of the contacts, the settings of both of the exports."""

    def __init__(self, specs: Specs) -> None:
        self._specs, self._contacts = specs, specs.catalog.contacts
        self.contacts_model = self._contacts.model

    def of_node(self, node: DbtNode) -> Metadata:
        """Columns of a dbt node, and the link to its file."""
        columns = [TableColumn(name, kind or "?", told or None) for name, kind, told in node.columns]
        if node.kind == CONTACTS:
            columns = self._columns(["contact_id", *self._contacts.attributes])
        found: Metadata = {}
        if columns:
            found[_SCHEMA] = TableSchema(columns=columns)
        if node.file is not None:
            found |= code_of(self._specs.dbt_dir / node.file, node.file)
        return found

    def contacts_lineage(self, source: AssetKey) -> Metadata:
        """Where the contacts' columns come from, out of the user's model `source`."""
        deps = {"contact_id": [TableColumnDep(source, self._contacts.key)]}
        for name, attribute in self._contacts.attributes.items():
            if attribute.written_by != "flows":
                deps[name] = [TableColumnDep(source, _first(attribute.column or name))]
        return {LINEAGE: TableColumnLineage(deps)}

    def of_export(self, plan: ExportPlan) -> Metadata:
        """Columns of the files of a segment, less those that only entries or exits have where members are written."""
        names = plan.columns_of(plan.only[0], self._contacts.attributes)
        deps = {}
        for name in names:
            own = name != "contact_id" and name in OWN_COLUMNS[plan.only[0]]
            deps[name] = [TableColumnDep(segment_key(plan.segment) if own else model_key(CONTACTS), name)]
        return {_SCHEMA: TableSchema(columns=self._columns(names)), LINEAGE: TableColumnLineage(deps)}

    def _columns(self, names: list[str] | tuple[str, ...]) -> list[TableColumn]:
        found = []
        for name in names:
            attribute = self._contacts.attributes.get(name)
            kind = attribute.type if attribute is not None else _OWN_TYPES.get(name, "text")
            found.append(TableColumn(name, str(kind), attribute.description if attribute is not None else None))
        return found


def _first(column: str | list[str]) -> str:
    """The column itself, when the value is inside of it."""
    return column if isinstance(column, str) else column[0]
