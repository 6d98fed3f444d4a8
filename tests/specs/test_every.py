"""`every:` of a segment: what is a regular period, and what is near where one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.specs.every import Every
from tests.specs.helpers import messages

_NEAR = "is no regular period"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1 day", "1 day"),
        ("day", "1 day"),
        ("24 hours", "1 day"),
        ("60 minutes", "1 hour"),
        ("hour", "1 hour"),
        ("6 hours", "6 hours"),
        (" 15  minutes ", "15 minutes"),
        ("1 week", "1 week"),
        ("quarter", "3 months"),
        ("2 quarters", "6 months"),
        ("12 months", "1 year"),
    ],
)
def test_regular_periods(text: str, read: str) -> None:
    assert str(Every.parse(text)) == read
    assert Every.parse(read) == Every.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 hours", f"'5 hours' {_NEAR}, because hours have to divide a day: write 4 hours or 6 hours"),
        ("36 hours", f"'36 hours' {_NEAR}, because hours have to divide a day: write 12 hours or 1 day"),
        ("90 minutes", f"'90 minutes' {_NEAR}, because minutes have to divide an hour: write 30 minutes or 1 hour"),
        ("7 minutes", f"'7 minutes' {_NEAR}, because minutes have to divide an hour: write 6 minutes or 10 minutes"),
        ("2 days", f"'2 days' {_NEAR}: write 1 day or 1 week"),
        ("2 weeks", f"'2 weeks' {_NEAR}: write 1 week or 1 month"),
        ("5 months", f"'5 months' {_NEAR}, because months have to divide a year: write 4 months or 6 months"),
        ("0 hours", f"'0 hours' {_NEAR}, because hours have to divide a day: write 1 hour"),
        ("2 years", f"'2 years' {_NEAR}, because months have to divide a year: write 1 year"),
        ("daily", "'daily' is no period: write a number and a unit, like 1 day or 6 hours"),
        ("30 seconds", "'30 seconds' is no period: write a number and a unit, like 1 day or 6 hours"),
        ("3", "'3' is no period"),
    ],
)
def test_others_are_refused_where_they_stand(text: str, expected: str, tmp_path: Path) -> None:
    segment = f"where: {{attribute: city, is: London}}\nevery: {text}\n"
    query = f"-- every: {text}\nselect contact_id from {{{{ ref('contacts') }}}}\n"
    found = "\n".join(messages(tmp_path, segments__slow=segment, sql__query=query))
    assert f"slow.yml:2:8: {expected}" in found
    assert f"query.sql:1:11: {expected}" in found
