"""Conditions of flows about how an enrollment came about: the event that triggered it, the crossing, the enrollment."""

from __future__ import annotations

from typing import Literal, get_args

from segflow.specs.operators import Test
from segflow.specs.types import Identifier, ValueType

CrossingField = Literal["cause", "entry_number", "segment", "kind"]
EnrollmentField = Literal["visit", "enrolled_at"]
CROSSING_TYPES: dict[str, ValueType] = {"cause": "text", "entry_number": "integer", "segment": "text", "kind": "text"}
ENROLLMENT_TYPES: dict[str, ValueType] = {"visit": "integer", "enrolled_at": "timestamp"}
CAUSES = ("data", "baseline", "definition", "import", "returned", "gone", "deleted")
KINDS = ("enters", "exits")
EVENT, AT = "@event", "@at"
"""The keys of an enrollment's `trigger_data` that are no property of the event: no property has such a name."""
ORIGIN_KEYS = ("trigger", "crossing", "enrollment")
assert set(CROSSING_TYPES) == set(get_args(CrossingField))
assert set(ENROLLMENT_TYPES) == set(get_args(EnrollmentField))


class TriggerCondition(Test):
    """Only in flows that an event triggers: `{trigger: amount, gt: 50}`, a property of the event that enrolled the
    contact. Missing where something else did."""

    trigger: Identifier


class CrossingCondition(Test):
    """Only in flows that a segment triggers: `{crossing: cause, is: data}`, about the crossing that enrolled the
    contact. Missing where something else did."""

    crossing: CrossingField


class EnrollmentCondition(Test):
    """Only in flows: `{enrollment: visit, gte: 2}`, about the enrollment itself."""

    enrollment: EnrollmentField
