"""`segflow fmt` writes missing step ids and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from segflow.errors import SpecError
from segflow.specs.fmt import fmt_project, format_flow
from segflow.specs.load import collect
from tests.specs.helpers import project

BEFORE = """\
# The first mails
trigger: {enters: tea}   # keep   me
steps:
  # say hello
  - send_email: {template: welcome}   # a comment that stays
  - id: wait_3_days
    wait: 3 days

  - wait: '3 days'
  -
      wait: {for: 1 week}
  - {send_sms: {text: "a very long text that stays on its own line, however long it may be, because nothing is dumped"}}
  - branch:
      if: {not: {tag: vip}}
      then:
      - update_contact: {level: "x"}
      - exit: true
      else: [{add_to_list: Tea Circle}, {remove_from_list: "Tea Circle"}]
  - webhook: {url: 'https://x'}
  - description: ends here
    exit: "done"
"""
AFTER = """\
# The first mails
trigger: {enters: tea}   # keep   me
steps:
  # say hello
  - id: send_welcome
    send_email: {template: welcome}   # a comment that stays
  - id: wait_3_days
    wait: 3 days

  - id: wait_3_days_2
    wait: '3 days'
  -
      id: wait_1_week
      wait: {for: 1 week}
  - {id: send_sms, send_sms: {text: "a very long text that stays on its own line, however long it may be, because nothing is dumped"}}
  - id: if_not_vip
    branch:
      if: {not: {tag: vip}}
      then:
      - id: update_level
        update_contact: {level: "x"}
      - id: leave
        exit: true
      else: [{id: add_to_tea_circle, add_to_list: Tea Circle}, {id: remove_from_tea_circle, remove_from_list: "Tea Circle"}]
  - id: call_webhook
    webhook: {url: 'https://x'}
  - id: leave_2
    description: ends here
    exit: "done"
"""  # noqa: E501


def test_missing_ids_are_written_and_all_else_stays() -> None:
    assert format_flow(BEFORE) == AFTER


def test_formatting_twice_changes_nothing() -> None:
    assert format_flow(AFTER) == AFTER


def test_line_ends_and_byte_order_mark_stay(tmp_path: Path) -> None:
    root = project(tmp_path)
    path = root / "flow_specs" / "x.yml"
    path.write_bytes(b"\xef\xbb\xbf" + BEFORE.replace("\n", "\r\n").encode())
    assert fmt_project(root, check=False) == [path]
    assert path.read_bytes() == b"\xef\xbb\xbf" + AFTER.replace("\n", "\r\n").encode()


def test_check_writes_nothing(tmp_path: Path) -> None:
    root = project(tmp_path, flows__x=BEFORE)
    path = root / "flow_specs" / "x.yml"
    assert fmt_project(root, check=True) == [path]
    assert path.read_text(encoding="utf-8") == BEFORE
    assert fmt_project(root, check=False) == [path]
    assert fmt_project(root, check=True) == []


def test_the_ids_written_are_accepted(tmp_path: Path) -> None:
    root = project(tmp_path, flows__x=format_flow(BEFORE), templates__welcome="---\nsubject: Hi\n---\nHello")
    assert collect(root)[1] == []


def test_names_are_shortened_and_stay_apart() -> None:
    step = f"- {{add_to_list: '{'very long name ' * 10}'}}\n"
    text = format_flow(f"steps:\n{step * 3}")
    ids = [line.split(",")[0].removeprefix("- {id: ") for line in text.splitlines()[1:]]
    assert len(set(ids)) == 3
    assert all(len(name) <= 60 for name in ids)


def test_broken_files_are_reported_and_the_others_formatted(tmp_path: Path) -> None:
    root = project(tmp_path, flows__a="steps: [", flows__b="steps:\n- wait: 1 day\n")
    with pytest.raises(SpecError, match=r"flow_specs/a.yml:\d+:\d+: not valid YAML"):
        fmt_project(root, check=False)
    assert (root / "flow_specs" / "b.yml").read_text(encoding="utf-8") == "steps:\n- id: wait_1_day\n  wait: 1 day\n"


@pytest.mark.parametrize("text", ["", "a: 1\n", "steps:\n", "steps: 5\n", "steps: [5, {}, []]\n", "- steps\n"])
def test_files_without_steps_stay(text: str) -> None:
    assert format_flow(text) == text
