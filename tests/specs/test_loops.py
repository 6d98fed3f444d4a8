# ruff: noqa: E501 (tables: one case per line)
"""Flows that feed themselves: found with the way, and not where a marketer would shake the head."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.specs.helpers import messages

VIP = "where: {list: vip}\n"
NOT_VIP = "where: {not: {list: vip}}\n"


def flow(trigger: str, *steps: str, **more: str) -> str:
    rest = "".join(f"{key}: {value}\n" for key, value in {"reentry": "always", **more}.items())
    told = "".join(f"- {{id: s{number}, {step}}}\n" for number, step in enumerate(steps, start=1))
    return f"status: active\ntrigger: {{{trigger}}}\n{rest}steps:\n{told}"


ADD, REMOVE, WAIT = "add_to_list: vip", "remove_from_list: vip", "wait: 1 day"
MEND = "Write reentry: never, or a where that whoever was here once does not meet; allow_loop: true if it is meant"
LOOPS: dict[str, tuple[dict[str, str], list[str]]] = {
    "out and in again": (
        {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE, WAIT, ADD)},
        [f"x.yml:2:11: this feeds itself: enters s -> x: add_to_list vip (step s3) -> enters s; and, before that, x: remove_from_list vip (step s1) -> exits s. {MEND}"],
    ),
    "two flows that undo each other": (
        {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE), "flows__y": flow("exits: s", ADD)},
        [f"x.yml:2:11: this feeds itself: enters s -> x: remove_from_list vip (step s1) -> exits s -> y: add_to_list vip (step s1) -> enters s. {MEND}"],
    ),
    "two segments on one list": (
        {"segments__s": VIP, "segments__t": NOT_VIP, "flows__x": flow("enters: s", REMOVE), "flows__y": flow("enters: t", ADD)},
        [f"x.yml:2:11: this feeds itself: enters s -> x: remove_from_list vip (step s1) -> enters t -> y: add_to_list vip (step s1) -> enters s; and, before that, x: remove_from_list vip (step s1) -> exits s; and, before that, y: add_to_list vip (step s1) -> exits t. {MEND}"],
    ),
    "by an attribute, through another segment": (
        {"segments__s": "where: {segment: r}\n", "segments__r": "where: {attribute: level, is: gold}\n", "flows__x": flow("enters: s", "update_contact: {level: silver}", WAIT, "update_contact: {level: gold}")},
        [f"x.yml:2:11: this feeds itself: enters s -> x: update_contact level (step s3) -> enters s; and, before that, x: update_contact level (step s1) -> exits s. {MEND}"],
    ),
    "one of several triggers": (
        {"segments__s": VIP, "flows__x": flow("any: [{enters: tea}, {enters: s}]", REMOVE, ADD)},
        [f"x.yml:2:33: this feeds itself: enters s -> x: add_to_list vip (step s2) -> enters s; and, before that, x: remove_from_list vip (step s1) -> exits s. {MEND}"],
    ),
    "flows that enter each other": (
        {"flows__x": flow("enters: tea", "enter_flow: y"), "flows__y": flow("exits: tea", "enter_flow: x")},
        [f"x.yml:2:1: this feeds itself: x: enter_flow y (step s1) -> y: enter_flow x (step s1). {MEND}"],
    ),
    "a query that refers to a segment": (
        {"segments__s": VIP, "sql__q": "select contact_id from {{ ref('segment__s') }}\n", "flows__x": flow("enters: q", ADD)},
        [f"x.yml:2:11: this feeds itself: enters q -> x: add_to_list vip (step s1) -> enters q; and, before that, x: add_to_list vip (step s1) -> exits q. {MEND}"],
    ),
    "a draft may be wrong, its partner is not": (
        {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE), "flows__y": flow("exits: s", ADD).replace("active", "draft")},
        [f"y.yml:2:11: this feeds itself: exits s -> y: add_to_list vip (step s1) -> enters s -> x: remove_from_list vip (step s1) -> exits s. {MEND}"],
    ),
    "a filter that an arm of a branch spoils": (
        {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE, "branch: {if: {attribute: age, gt: 5}, then: [{id: b, update_contact: {level: x}}], else: [{id: w, wait: 1 day}]}", ADD, where="{attribute: level, is_not: x}")},
        [f"x.yml:2:11: this feeds itself: enters s -> x: add_to_list vip (step s3) -> enters s; and, before that, x: remove_from_list vip (step s1) -> exits s. {MEND}"],
    ),
}  # fmt: skip
MEANT: dict[str, dict[str, str]] = {
    "the list that its own segment leaves out": {"segments__s": NOT_VIP, "flows__x": flow("enters: s", ADD)},
    "the list that its own segment asks for": {"segments__s": VIP, "flows__x": flow("enters: s", ADD)},
    "taken off the list of its own segment": {"segments__s": VIP, "flows__x": flow("enters: s", WAIT, REMOVE)},
    "for those who leave, off the list": {"segments__s": VIP, "flows__x": flow("exits: s", REMOVE)},
    "never again": {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE, ADD, reentry="never")},
    "it is meant": {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE, ADD, allow_loop="true")},
    "one of the two says that it is meant": {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE), "flows__y": flow("exits: s", ADD, allow_loop="true")},
    "archived": {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE, ADD).replace("active", "archived")},
    "whoever was here is marked, and the filter leaves the marked out": {"segments__s": VIP, "flows__x": flow("enters: s", REMOVE, "update_contact: {level: done}", ADD, where="{attribute: level, is_not: done}")},
    "the rule leaves the marked out": {"segments__s": "where: {all: [{list: vip}, {none: [{list: done}]}]}\n", "flows__x": flow("enters: s", REMOVE, "add_to_list: done", ADD)},
    "another value of the attribute": {"segments__s": "where: {attribute: points, gte: 100}\n", "flows__x": flow("enters: s", "update_contact: {points: 0}")},
    "not mailed for a month": {"segments__s": "where: {message: sent, within_last: 30 days, count: 0}\n", "flows__x": flow("enters: s", "send_sms: {text: Hi}")},
    "a chain with an end": {"segments__s": VIP, "segments__t": "where: {list: gold}\n", "flows__x": flow("enters: s", "add_to_list: gold"), "flows__y": flow("enters: t", "add_to_list: done")},
    "a list of its own": {"segments__s": VIP, "flows__x": flow("enters: s", "remove_from_list: gold", "add_to_list: gold")},
}  # fmt: skip


@pytest.mark.parametrize(("files", "told"), LOOPS.values(), ids=LOOPS)
def test_a_loop_is_found_with_the_way(tmp_path: Path, files: dict[str, str], told: list[str]) -> None:
    assert messages(tmp_path, **files) == told


@pytest.mark.parametrize("files", MEANT.values(), ids=MEANT)
def test_what_is_no_loop(tmp_path: Path, files: dict[str, str]) -> None:
    assert messages(tmp_path, **files) == []
