"""What templates know beside the contact: the flow, the segment, what triggered the enrollment, the next step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from segflow.outbox.origins import event_values
from segflow.outbox.records import PlannedMessage
from segflow.segments.sentence import sentence
from segflow.specs.check_origins import event_names
from segflow.specs.flow import following_steps
from segflow.specs.project import Specs
from segflow.specs.template_names import COUPONS, CROSSING, EVENT, LINKS

ORIGIN = frozenset({CROSSING, EVENT})
"""The names of templates that need to know how the enrollment came about."""
_OWN = frozenset({CROSSING, EVENT, COUPONS, "enrollment"})
"""The names that are another thing for each enrollment."""
Origin = Mapping[str, Any]
"""A row of `origins.origins_query`."""


class Surroundings:
    """Knows the specs of one tick."""

    def __init__(self, specs: Specs) -> None:
        self._specs = specs
        self._following = {flow.id: following_steps(flow.spec) for flow in specs.flows.values()}
        self._nothing = {flow.id: dict.fromkeys(event_names(flow.spec, specs.catalog)) for flow in specs.flows.values()}
        self._same: dict[tuple[str, str, str | None], dict[str, Any]] = {}
        names = {name: segment for segment in specs.segments.values() for name in segment.spec.earlier_names}
        self._segments = names | specs.segments
        texts = specs.catalog.event_texts()
        self._goals = {
            flow.id: _one_line(sentence(flow.spec.goal, texts))
            for flow in specs.flows.values()
            if flow.spec.goal is not None
        }

    def of(
        self,
        row: PlannedMessage,
        origin: Origin | None,
        coupons: Mapping[str, str] | None = None,
        wanted: Collection[str] | None = None,
    ) -> dict[str, Any]:
        """The values of each name but `contact`; None is missing. `origin` may be None where no template asks.
        `coupons`: step -> the code that the enrollment has claimed there. `wanted`: the names that somebody reads;
        None: all."""
        key = row.flow, row.step, row.trigger_segment
        if (same := self._same.get(key)) is None:
            same = self._same[key] = self._of_step(row)
        if wanted is not None and _OWN.isdisjoint(wanted):
            return same
        origin = origin or {}
        return same | {
            "crossing": {name: origin.get(name) for name in ("cause", "entry_number")}
            | {"kind": origin.get("kind") if origin.get("kind") in ("enters", "exits") else None},
            "event": self._nothing.get(row.flow, {}) | event_values(origin.get("trigger_data"), self._specs.catalog),
            "enrollment": {"id": row.enrollment_id, "enrolled_at": row.enrolled_at, "visit": row.visit},
            "coupons": coupons or {},
        }

    def _of_step(self, row: PlannedMessage) -> dict[str, Any]:
        """What all messages of a step have whose enrollment came from the same segment."""
        flow = self._specs.flows.get(row.flow)
        segment = self._segments.get(row.trigger_segment or "")
        now = segment.id if segment is not None else row.trigger_segment
        spec = segment.spec if segment is not None else None
        return {
            "flow": {
                "id": row.flow,
                # Templates of earlier versions print it where there is none, and their messages must still go out.
                "description": (flow.spec.description if flow is not None else None) or "",
                "goal": self._goals.get(row.flow),
                "owner": flow.spec.owner if flow is not None else None,
            },
            "segment": {
                "id": now,
                "name": now,
                "description": spec.description if spec is not None else None,
                "owner": spec.owner if spec is not None else None,
            },
            # What goes to the contact has them: the renderer knows by which channel it goes.
            **dict.fromkeys(LINKS),
            "step": row.step,
            "next_step": self._following.get(row.flow, {}).get(row.step),
        }


def _one_line(lines: Sequence[str]) -> str:
    first, *rest = lines
    return f"{first}: {'; '.join(line.strip().removeprefix('- ') for line in rest)}" if rest else first
