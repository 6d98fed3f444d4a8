"""A plan in words: what its table on a terminal and its Markdown have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from segflow.plan.result import FlowPlan, Plan, SegmentPlan, SendingPlan, WaitPlan

SEGMENT_COLUMNS = ("segment", "change", "members", "entries", "exits", "triggering")
FLOW_COLUMNS = ("flow", "change", "enrolled", "messages", "ends")
_SELDOM = ("kept out", "restarted")
"""Columns that are only there when they hold anything."""
_CHANGES = {"models": "models changed", "none": ""}


def headline(plan: Plan) -> str:
    """What is compared with what, and the sums."""
    since = f"compared with tick {plan.last_tick}" if plan.last_tick else "before the first tick"
    told = [f"{plan.contacts:,} contacts"]
    for kind, changes in (("segment", _changes(plan.segments)), ("flow", _changes(plan.flows))):
        told += [f"{_many(count, kind)} {change}" for change, count in sorted(changes.items())]
    entries = sum(sum(one.entries.values()) for one in plan.segments)
    exits = sum(sum(one.exits.values()) for one in plan.segments)
    messages = sum(sum(one.messages.values()) for one in plan.flows)
    told += [_many(entries, "entry", "entries"), _many(exits, "exit"), _many(messages, "message")]
    return f"A tick at {plan.as_of:%Y-%m-%d %H:%M} UTC, {since}: {', '.join(told)}"


def segment_rows(plan: Plan) -> list[dict[str, Any]]:
    """The segments to which something happens, as cells under SEGMENT_COLUMNS."""
    return [
        {
            "segment": one.segment,
            "change": _segment_change(one),
            "members": f"{one.members_before:,} → {one.members:,}"
            if one.members_before != one.members
            else one.members,
            "entries": _split(one.entries),
            "exits": _split(one.exits),
            "triggering": one.triggering or "",
        }
        for one in plan.segments
        if not one.quiet
    ]


def flow_columns(plan: Plan) -> tuple[str, ...]:
    """The columns for flows; those that would be empty are left out where they seldom hold anything."""
    rows = flow_rows(plan)
    seldom = [name for name in _SELDOM if any(row[name] for row in rows)]
    at = FLOW_COLUMNS.index("enrolled") + 1
    return (*FLOW_COLUMNS[:at], *seldom, *FLOW_COLUMNS[at:])


def flow_rows(plan: Plan) -> list[dict[str, Any]]:
    """The flows to which something happens, as cells under `flow_columns`."""
    return [
        {
            "flow": one.flow,
            "change": _flow_change(one),
            "enrolled": one.enrolled or "",
            "kept out": _split(one.kept_out),
            "restarted": one.restarted or "",
            "messages": _split(one.messages),
            "ends": _split(one.ends),
        }
        for one in plan.flows
        if not one.quiet
    ]


def quiet(plan: Plan) -> str | None:
    """How many segments and flows nothing happens to."""
    told = [
        _many(count, kind)
        for kind, found in (("segment", plan.segments), ("flow", plan.flows))
        if (count := sum(one.quiet for one in found))
    ]
    return f"Nothing happens to {' and '.join(told)}." if told else None


def details(plan: Plan) -> list[str]:
    """What tables have no room for: what is held or stale and why, and where steps that are gone lead."""
    found = [f"The tick would stop: {plan.stopped}"] if plan.stopped else []
    for segment in plan.segments:
        if segment.status in ("stale", "held"):
            found.append(f"segment {segment.segment} would be {segment.status}: {segment.reason}")
    for flow in plan.flows:
        if flow.effects:
            found.append(f"flow {flow.flow} would make tasks or give codes away: {_split(flow.effects)}")
        if flow.deletions:
            found.append(f"flow {flow.flow} would delete contacts: {_split(flow.deletions)}")
        if flow.failures:
            found.append(f"flow {flow.flow} would fail at steps: {_split(flow.failures)}")
        if flow.status == "held":
            found.append(f"flow {flow.flow} would be held: {flow.reason}")
        elif flow.reason:
            found.append(f"flow {flow.flow} is {flow.reason}")
        if flow.left_over:
            found.append(f"flow {flow.flow}: {flow.left_over:,} contacts of its broadcast are left for later ticks")
        for move in flow.moves:
            where = f"go on at {move.next_step}" if move.next_step else "are done with it, because no step is left"
            found.append(f"flow {flow.flow}: step {move.step} is gone; the {move.contacts:,} contacts there {where}")
        found += [_wait(flow.flow, one) for one in flow.waits]
    found += [_sending(one) for one in plan.sending if one.goes < one.looked_at or one.sms_parts]
    return found


def _sending(one: SendingPlan) -> str:
    """`flow hi, step hello: of 20 messages 15 would go, 4 be skipped (...), 1 wait (...); 30 parts of SMS, 2.37 USD`"""
    told = [f"of {_many(one.looked_at, 'message')} {one.goes:,} would go"]
    for word, counts in (("be skipped", one.skipped), ("fail", one.failed), ("wait", one.held)):
        if counts:
            why = ", ".join(f"{number:,} {reason}" for reason, number in sorted(counts.items(), key=_most))
            told.append(f"{sum(counts.values()):,} {word} ({why})")
    parts = f"; {_many(one.sms_parts, 'part')} of SMS{f', {one.sms_cost}' if one.sms_cost else ''}"
    return f"flow {one.flow}, step {one.step}: {', '.join(told)}{parts if one.sms_parts else ''}"


def _most(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _wait(flow: str, one: WaitPlan) -> str:
    """`flow hi: step think (wait 2 days, now wait 5 days): 12 stay, 3 go on to again`"""
    edit = f"{one.was}, now {one.now}" if one.was != one.now else one.now
    told = []
    for place, contacts in one.goes_to.items():
        if place == one.step:
            told.append(f"{contacts:,} stay{'s' if contacts == 1 else ''}")
        elif place.startswith("ended "):
            told.append(f"{contacts:,} end{'s' if contacts == 1 else ''} ({place.removeprefix('ended ')})")
        else:
            told.append(f"{contacts:,} go{'es' if contacts == 1 else ''} on to {place}")
    return f"flow {flow}: step {one.step} ({edit}): {', '.join(told)}"


def markdown(plan: Plan) -> str:
    """The plan as a comment on a pull request."""
    parts = ["### segflow plan", f"{headline(plan)}."]
    for columns, rows in ((SEGMENT_COLUMNS, segment_rows(plan)), (flow_columns(plan), flow_rows(plan))):
        if rows:
            parts.append(_markdown_table(columns, rows))
    if told := quiet(plan):
        parts.append(told)
    if found := details(plan):
        parts.append("\n".join(f"- {line}" for line in found))
    if plan.findings:
        parts.append("\n".join(["**segflow lint**", "", *(f"- {line}" for line in plan.findings)]))
    if plan.warnings:
        parts.append("\n".join(["**Look at this first**", "", *(f"- {line}" for line in plan.warnings)]))
    parts += [f"_{note}_" for note in plan.notes]
    return "\n\n".join(parts)


def _flow_change(one: FlowPlan) -> str:
    if one.change == "status":
        told = [f"{one.status_before} → {one.status}"]
    else:
        told = [] if one.change in ("none", "renamed") else [_CHANGES.get(one.change, one.change)]
    return ", ".join([*told, f"renamed from {one.renamed_from}"] if one.renamed_from else told)


def _segment_change(one: SegmentPlan) -> str:
    told = [] if one.change in ("none", "renamed") else [_CHANGES.get(one.change, one.change)]
    return ", ".join([*told, f"renamed from {one.renamed_from}"] if one.renamed_from else told)


def _markdown_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    numbers = {"triggering", "enrolled", "restarted"}
    lines = [
        f"| {' | '.join(columns)} |",
        f"|{'|'.join(' ---: ' if name in numbers else ' --- ' for name in columns)}|",
    ]
    lines += [f"| {' | '.join(_cell(row[name]) for name in columns)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def _split(counts: Mapping[str, int]) -> str:
    """`12 (8 definition, 4 data)`"""
    if not counts:
        return ""
    if len(counts) == 1:
        return "".join(f"{count:,} {name}" for name, count in counts.items())
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return f"{sum(counts.values()):,} ({', '.join(f'{count:,} {name}' for name, count in ordered)})"


def _changes(found: Sequence[SegmentPlan] | Sequence[FlowPlan]) -> Counter[str]:
    words = {"models": "with changed models", "status": "with another status"}
    return Counter(words.get(one.change, one.change) for one in found if one.change != "none")


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"
