"""What a `.sql` segment may say: one SELECT of listed nodes, listed functions and `{{ ref() }}` tables.

The list is the boundary. dbt's own connection can read files and the environment and cannot give that up, so a query
is refused unless every node of it is known to be harmless and to depend on nothing but the warehouse and `as_of`.
Generate SQL from the parsed tree, never from the text: only the tree was checked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from segflow.errors import Issue, SpecError, did_you_mean
from segflow.specs.sql_file import REF, Reference, reference
from segflow.warehouse.allowed import CLOCKS, STATEMENTS
from segflow.warehouse.engines import DEFAULT, wing

REF_PREFIX = "__ref__"
AS_OF = "__as_of__"
MAX_LENGTH = 100_000
MAX_BRACKETS = 200
"""The parser's time grows faster than the square of a chain of brackets: 5,000 of them take minutes."""

_AS_OF = re.compile(r"\{\{-?\s*as_of\(\s*\)\s*-?\}\}")
_JINJA = re.compile(r"\{\{|\{%|\{#")
_MODEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = re.compile(rf"{REF_PREFIX}|{AS_OF}", re.IGNORECASE)
_TIMES = (*exp.DataType.TEMPORAL_TYPES, exp.DataType.Type.TIME, exp.DataType.Type.TIMETZ)


@dataclass(frozen=True)
class ParsedSql:
    """A checked query. In `query` each ref is an `exp.Table` named `__ref__MODEL` and `{{ as_of() }}` is
    `exp.Anonymous("__as_of__")`; `refs` names the models once each, in the order in which they first appear."""

    query: exp.Query
    refs: list[str] = field(default_factory=list)
    uses_as_of: bool = False


def check_sql(
    sql: str, file: str, first_line: int, known_models: Collection[str] | None, engine: str = DEFAULT
) -> list[Issue]:
    """Every problem of a `.sql` segment. `first_line` is the line of `file` on which `sql` starts; `known_models` are
    the dbt models that `{{ ref() }}` may name, None to leave that unchecked; `engine` is the one that runs it."""
    check = Check(sql, file, first_line, engine)
    check.run(known_models)
    return sorted(set(check.issues))


def parse_sql(sql: str, engine: str = DEFAULT) -> ParsedSql:
    """Parse a `.sql` segment. Raises SpecError, with the issues of `check_sql`, when it breaks a rule."""
    check = Check(sql, "<sql>", 1, engine)
    parsed = check.run(None)
    if check.issues or parsed is None:
        raise SpecError(check.issues)
    return parsed


class Check:
    """One query held against the allowlist; `issues` has what was found."""

    def __init__(self, sql: str, file: str, first_line: int, engine: str = DEFAULT) -> None:
        self.sql, self.file, self.first_line = sql, file, first_line
        self.title, self.dialect, self.allowed = wing(engine).title, wing(engine).dialect, wing(engine).allowed
        self.issues: list[Issue] = []
        self._written: dict[str, Reference] = {}
        """The name that stands for a model of a named project in the text that is parsed -> what the author wrote."""

    def run(self, known_models: Collection[str] | None) -> ParsedSql | None:
        text = self._placeholders()
        query = None if self.issues else self._parse(text)
        if query is None:
            return None
        try:
            nodes = list(query.walk())
            for node in nodes:
                self._node(node)
            refs = self._tables(nodes, known_models)
            if not self.issues:
                self._output(query)
                self._generated(query)
        except RecursionError:
            self.issues.append(Issue(self.file, self.first_line, 1, "the query is nested too deep"))
            return None
        uses_as_of = any(isinstance(node, exp.Anonymous) and node.name == AS_OF for node in nodes)
        return ParsedSql(query, refs, uses_as_of)

    # --- text ----------------------------------------------------------------------------------------------------

    def _at(self, position: int, message: str) -> None:
        line = self.sql.count("\n", 0, position)
        column = position - (self.sql.rfind("\n", 0, position) + 1) + 1
        self.issues.append(Issue(self.file, self.first_line + line, column, message))

    def _placeholders(self) -> str:
        """The query with `{{ ref() }}` and `{{ as_of() }}` replaced by names of the same length, so that lines and
        columns stay what the author sees."""
        if len(self.sql) > MAX_LENGTH:
            self._at(0, f"the query is longer than {MAX_LENGTH} characters")
            return ""
        if self.sql.count("[") > MAX_BRACKETS:
            self._at(0, f"the query has more than {MAX_BRACKETS} square brackets")
            return ""
        for match in _RESERVED.finditer(self.sql):
            self._at(match.start(), f"names with {match.group()} are segflow's own; choose another")

        def pad(name: str, written: str) -> str:
            lines = written.count("\n")
            return name + "\n" * lines + " " * (len(written) - len(name) - lines)

        def ref(match: re.Match[str]) -> str:
            found = reference(match)
            for name in (found.model, *([found.project] if found.project else [])):
                if not _MODEL.fullmatch(name):
                    self._at(match.start(), f"ref('{name}'): not a model name")
            # A model of a project is another one than the one of segflow's that is called so.
            name = f"{found.project}__{found.model}" if found.project else found.model
            if found.project:
                self._written[name] = found
            return pad(REF_PREFIX + name, match.group())

        text = _AS_OF.sub(lambda match: pad(f"{AS_OF}()", match.group()), REF.sub(ref, self.sql))
        # lengths are kept, so a position in `text` is one in `self.sql` too
        for match in _JINJA.finditer(text):
            self._at(match.start(), "only {{ ref('model') }} and {{ as_of() }} work in a segment's query")
        return text

    def _parse(self, text: str) -> exp.Query | None:
        try:
            with _quiet():
                parsed = sqlglot.parse(text, read=self.dialect)
            # a comment after the last semicolon is a statement for the parser
            statements = [statement for statement in parsed if statement and not isinstance(statement, exp.Semicolon)]
        except ParseError as error:
            first = error.errors[0] if error.errors else {}
            line, column = first.get("line") or 1, first.get("col") or 1
            near = str(first.get("highlight") or "")
            start = max(1, column - max(len(near) - 1, 0))
            at = f" near '{near}'" if near else ""
            message = f"this is not valid SQL{at}: {first.get('description', error)}"
            self.issues.append(Issue(self.file, self.first_line + line - 1, start, message))
            return None
        except RecursionError:
            self._at(0, "the query is nested too deep")
            return None
        except (SqlglotError, ValueError) as error:
            self._at(0, f"this is not valid SQL: {str(error).splitlines()[0]}")
            return None
        if len(statements) == 1 and len(statements) < len([statement for statement in parsed if statement]):
            # the query becomes a CTE of a model, where a semicolon in its middle would end the statement
            self._at(text.rindex(";"), "leave out the ';' before the last comment")
            return None
        if len(statements) != 1:
            self._at(0, f"a segment is exactly one SELECT, found {len(statements)} statements")
            return None
        query = statements[0]
        if not isinstance(query, (exp.Select, exp.SetOperation, exp.Subquery)):
            self._at(0, f"a segment is one SELECT that returns contact_id, not {_said(query)}")
            return None
        return query

    # --- tree ----------------------------------------------------------------------------------------------------

    def report(self, node: exp.Expr, message: str) -> None:
        """Report at the place of a node."""
        line, column = _place(node)
        self.issues.append(Issue(self.file, self.first_line + line - 1, column, message))

    def _node(self, node: exp.Expr) -> None:
        kind = type(node)
        if kind in CLOCKS:
            self.report(node, f"{_said(node)} is the clock of the machine: use {{{{ as_of() }}}}, the tick's time")
        elif isinstance(node, exp.Anonymous):
            self._anonymous(node)
        elif isinstance(node, exp.With) and node.args.get("recursive"):
            self.report(node, "WITH RECURSIVE is not allowed: it may never end")
        elif kind is exp.DataType and node.args.get("kind") is not None:
            self.report(node, f"{node.sql(self.dialect)} is not a type of the warehouse")
        elif kind in self.allowed.nodes or kind in self.allowed.functions:
            self._names(node)
        elif isinstance(node, exp.Func) and kind not in STATEMENTS:
            self._refuse(node, _said(node))
        else:
            self.report(node, f"{_said(node)} is not allowed in a segment: a segment only reads")

    def _anonymous(self, node: exp.Anonymous) -> None:
        name = node.name.lower()
        if name == AS_OF:
            return
        if name in self.allowed.clocks:
            self.report(node, f"{name}() is the clock of the machine: use {{{{ as_of() }}}}, the tick's time")
        elif name == "age" and len(node.expressions) != 2:
            self.report(node, "age() with one argument reads the clock of the machine: write age({{ as_of() }}, ...)")
        elif name not in self.allowed.names:
            self._refuse(node, name)

    def _refuse(self, node: exp.Expr, said: str) -> None:
        name = said.removesuffix("()")
        if (instead := self.allowed.instead.get(name)) is not None:
            self.report(node, f"{name} is not for a segment on {self.title}: write {instead}")
            return
        hint = did_you_mean(name, sorted(self.allowed.names)) if isinstance(node, exp.Anonymous) else ""
        self.report(node, f"the function {said} is not allowed in a segment{hint}")

    def _names(self, node: exp.Expr) -> None:
        """Names that read something else than the rows of a table, and refs where no table stands."""
        if isinstance(node, exp.Column) and not node.table:
            identifier = node.this
            if (
                isinstance(identifier, exp.Identifier)
                and not identifier.quoted
                and node.name.lower() in self.allowed.keyword_columns
            ):
                self.report(node, f"{node.name} depends on who runs the query; it is not allowed in a segment")
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.to.is_type(*_TIMES):
            text = str(node.this.this).strip().lower()
            if text in self.allowed.clock_texts:
                self.report(node.this, f"'{text}' is the clock of the machine: use {{{{ as_of() }}}}, the tick's time")
        if isinstance(node, exp.Identifier) and node.name.lower().startswith(REF_PREFIX):
            if not (isinstance(node.parent, exp.Table) and node.arg_key == "this"):
                self.report(node, "{{ ref() }} names a table: it goes after FROM or JOIN; give it an alias for columns")
        elif isinstance(node, exp.Literal) and _RESERVED.search(str(node.this)):
            self.report(node, "{{ ref() }} and {{ as_of() }} do not work inside a text")

    def _tables(self, nodes: list[exp.Expr], known_models: Collection[str] | None) -> list[str]:
        refs: dict[str, None] = {}
        for table in nodes:
            if not isinstance(table, exp.Table):
                continue
            if not isinstance(table.this, exp.Identifier):
                self.report(table, f"{_said(table.this)} is not a table: read from {{{{ ref('model') }}}}")
            elif table.args.get("db") or table.args.get("catalog"):
                self.report(table, f"write {{{{ ref('{table.name}') }}}}, without a schema")
            elif table.name.startswith(REF_PREFIX):
                model = table.name.removeprefix(REF_PREFIX)
                refs[model] = None
                if known_models is not None and model not in known_models:
                    written = self._written.get(model)
                    name = f"{written.model} of project {written.project}" if written else model
                    self.report(table, f"there is no model {name}{did_you_mean(model, sorted(known_models))}")
            elif table.name.lower() not in set(_visible_ctes(table)):
                self.report(table, _bare_table(table))
        return list(refs)

    def _output(self, query: exp.Query) -> None:
        names = _outputs(query)
        if names is not None and "contact_id" not in names:
            found = f", found {', '.join(names)}" if names else ""
            self.report(query, f"the query must return a column named contact_id{found}")

    def _generated(self, query: exp.Query) -> None:
        """dbt renders the generated model: braces that only the parser put together must not become Jinja."""
        with _quiet():
            generated = query.sql(self.dialect, comments=True)
        if match := _JINJA.search(generated):
            self.report(query, f"the query would read as a template: write a space inside {match.group()}")


@contextmanager
def _quiet() -> Iterator[None]:
    """sqlglot logs a warning for what it cannot parse; here the same thing is reported as a located issue."""
    logger = logging.getLogger("sqlglot")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _bare_table(table: exp.Table) -> str:
    name = table.name
    if table.this.quoted and not _MODEL.fullmatch(name):
        return f"'{name}' would be read as a file: a segment reads models only, with {{{{ ref('model') }}}}"
    return f"{name} is not a table of this query: write {{{{ ref('{name}') }}}}"


def _visible_ctes(table: exp.Table) -> Iterator[str]:
    """The names that WITH clauses give, as seen from `table`. A CTE sees only those before it: otherwise
    `WITH secrets AS (SELECT * FROM secrets)` would read a table of that name."""
    node: exp.Expr = table
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.With):
            for sibling in parent.expressions:
                if sibling is node:
                    break
                yield sibling.alias.lower()
            if parent.parent is None:
                return
            node = parent.parent
            continue
        clause = parent.args.get("with_")
        if clause is not None and clause is not node:
            for cte in clause.expressions:
                yield cte.alias.lower()
        node = parent


def _outputs(query: exp.Expr) -> list[str] | None:
    """The lower-case names of the columns, None when a `*` hides them."""
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return None
    if query.is_star or any(isinstance(column, exp.Star) for column in query.selects):
        return None
    return [column.alias_or_name.lower() for column in query.selects]


def _said(node: Any) -> str:
    """What the author wrote, as far as the tree remembers it."""
    if isinstance(node, exp.Anonymous):
        return f"{node.name.lower()}()"
    if type(node) in STATEMENTS:
        return STATEMENTS[type(node)]
    if isinstance(node, exp.Func):
        return f"{node.sql_name().lower()}()"
    return str(node.key).upper() if isinstance(node, exp.Expr) else str(node)


def _place(node: exp.Expr) -> tuple[int, int]:
    """Line and column of the node, or of the first part of it (then: of what holds it) that knows its own."""
    candidates: list[dict[str, Any]] = [node.meta] if "line" in node.meta else []
    holder: exp.Expr | None = node
    while not candidates and holder is not None:
        candidates = [inner.meta for inner in holder.walk() if "line" in inner.meta]
        holder = holder.parent
    if not candidates:
        return 1, 1
    first = min(candidates, key=lambda meta: int(meta["start"]))
    return int(first["line"]), max(1, int(first["col"]) - (int(first["end"]) - int(first["start"])))
