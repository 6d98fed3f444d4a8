"""A condition that stands in no file: on the command line, or in what is piped into a command."""

from __future__ import annotations

from dataclasses import replace

from segflow.errors import SpecError
from segflow.specs.check_conditions import ConditionChecker
from segflow.specs.issues import validate
from segflow.specs.loaded import Loaded, Reporter
from segflow.specs.project import Specs
from segflow.specs.segment import NamedSegment, SegmentSpec
from segflow.specs.spec_file import Node, SpecFile, parse_spec_file


def with_condition(specs: Specs, text: str, file: str) -> tuple[Specs, str]:
    """The project with one segment more, whose condition is `text` (YAML), and its id. `file` is what errors call the
    text. Raises SpecError with every problem, located in the text."""
    source = _below_where(parse_spec_file(text, file))
    if source.issues:
        raise SpecError(source.issues)
    spec, issues = validate(SegmentSpec, source, partly={"where": {"everyone": True}})
    loaded = Loaded(
        specs.root,
        issues=issues,
        files={file: source},
        settings=specs.settings,
        engine=specs.engine,
        catalog=specs.catalog,
        segments=specs.segments,
        flows=specs.flows,
        segment_ids=set(specs.segments),
        flow_ids=set(specs.flows),
    )
    if spec is not None:
        why = "it works in flows only; a segment is about what is true now"
        say = Reporter(loaded, file)
        ConditionChecker(say, specs.catalog, enrollment=False, why=why).check(spec.where, ("where",))
    if loaded.issues or spec is None:
        raise SpecError(loaded.issues)
    name = "given"
    while name in specs.segments:
        name += "_too"
    given = NamedSegment(id=name, file=file, spec=spec)
    return replace(specs, segments={**specs.segments, name: given}), name


def _below_where(source: SpecFile) -> SpecFile:
    """The condition as the file of a segment would have it: below `where`."""
    root = Node(source.root.place, {"where": source.root.value}, {"where": source.root}, {"where": source.root.place})
    return replace(source, root=root)
