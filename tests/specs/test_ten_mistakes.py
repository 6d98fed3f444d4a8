"""One file, more than ten different mistakes, all of them reported at once."""

from __future__ import annotations

from pathlib import Path

from tests.specs.helpers import messages

SPEC = """\
descripton: Bought tea, lives in London
on_create: triger
where:
  all:
    - atribute: city
      is: London
    - {attribute: cty, is: London}
    - {attribute: age, gt: "30"}
    - {attribute: subscribed, is: yes}
    - event: purchase
      within_last: 30 dys
    - {event: purchse, count: 0}
    - event: purchase
      where: {property: categry, is: tea}
    - {attribute: city, is: Paris, is_not: London}
    - {attribute: city, held_for: 3 days}
    - {tag: vpi}
    - segment: teas
on_change:
"""
EXPECTED = """\
many.yml:1:1: unknown key descripton (did you mean description?)
many.yml:2:12: on_create cannot be the text 'triger': expected baseline or trigger (did you mean trigger?)
many.yml:5:7: unknown key atribute (did you mean attribute?)
many.yml:7:19: there is no attribute cty (did you mean city?)
many.yml:8:28: age takes a number, not the text '30': write it without quotes
many.yml:9:35: subscribed takes true or false, not the text 'yes': write true without quotes
many.yml:11:20: '30 dys' is not a duration: write a number and a unit, like 30 days \
(seconds, minutes, hours, days, weeks, months, quarters or years)
many.yml:12:15: there is no event purchse (did you mean purchase?)
many.yml:14:25: there is no property of event purchase called categry (did you mean category?)
many.yml:15:7: a condition takes exactly one operator, found is, is_not; combine several with all:
many.yml:16:35: held_for must be a mapping with keys like gt, gte, lt, lte, not the text '3 days'
many.yml:17:13: there is no tag vpi (did you mean vip?)
many.yml:18:16: there is no segment teas (did you mean tea?)
many.yml:19:1: on_change has no value; give one or remove the key
"""


def test_all_mistakes_of_a_file_are_reported_in_one_go(tmp_path: Path) -> None:
    assert "\n".join(messages(tmp_path, segments__many=SPEC)) + "\n" == EXPECTED
