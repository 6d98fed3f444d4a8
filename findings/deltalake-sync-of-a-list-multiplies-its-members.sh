#!/usr/bin/env bash
# deltalake: a merge that inserts who is new and deletes who is gone doubles who is in the source twice, with every run.
#
# Seen with: deltalake 1.6.6, pyarrow 25.0.1.
# One would expect: that a merge without a "matched" clause leaves a row of the table that is matched as it is, once, however many
#   rows of the source match it; that is so in a merge which only inserts. Or an error, as there is one where two rows of
#   the source would update the same row of the table.
# What happens: as soon as there is a clause for what is "not matched by source", and the run has anything to insert, update or
#   delete, each matched row is written once for each row of the source that matches it. A member whose id is in the list
#   twice is in the table twice, and after the next run, by which both rows are matched by both, four times: 2, 4, 8, 16.
#   The metrics count them as copied. With any "matched" clause beside it, even one whose condition is never true, all is right.
# What hurts a user: "insert the new, delete the gone" is how a list of members is kept, and nothing in a membership is to be
#   updated. One contact that a join has given twice multiplies, and with it the messages, or a count of members.
# What segflow does about it: nothing is at stake; it writes nothing by deltalake, and its members are grouped. Who keeps such a table
#   takes the duplicates out of the source (`drop_duplicates`), or adds `when_matched_update_all(predicate="false")`.
# Source: none found. delta-io/delta-rs pull request 4359 has the rules for duplicates where there is a "matched" clause.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
{ "${PYTHON:-python3}" -m venv venv && venv/bin/pip install --quiet --quiet deltalake==1.6.6 pyarrow==25.0.1; } || exit 2
venv/bin/python -W ignore - <<'PY'
import sys

import deltalake
import pyarrow as pa

made = []


def members(ids):
    return pa.table({"id": pa.array(ids, pa.int64()), "plan": ["free"] * len(ids)})


def merged(lists, clauses):
    made.append(clauses)
    deltalake.write_deltalake(f"members_{len(made)}", members([1, 2, 3]))
    found = []
    for one in lists:
        table = deltalake.DeltaTable(f"members_{len(made)}")
        merge = table.merge(members(one), predicate="s.id = t.id", source_alias="s", target_alias="t")
        clauses(merge).execute()
        found.append(sorted(deltalake.DeltaTable(f"members_{len(made)}").to_pyarrow_table()["id"].to_pylist()))
    return found


def sync(merge):
    return merge.when_not_matched_insert_all().when_not_matched_by_source_delete()


def soft(merge):
    return merge.when_not_matched_insert_all().when_not_matched_by_source_update({"plan": "'left'"})


ONCE, TWICE = [[1, 4], [1, 5], [1, 6]], [[1, 1, 4], [1, 1, 5], [1, 1, 6]]
ALL = [[1, 2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]]
GROWN = [[1] * 2 + [4], [1] * 4 + [5], [1] * 8 + [6]]
CASES = [  # what, lists of three runs, clauses, members expected after each, members seen
    ("insert the new, delete the gone, each once", ONCE, sync, ONCE, ONCE),
    ("only insert the new, 1 twice in the list", TWICE, lambda merge: merge.when_not_matched_insert_all(), ALL, ALL),
    ("insert the new, delete the gone, 1 twice", TWICE, sync, ONCE, GROWN),
    ("insert the new, mark the gone, 1 twice, first run", TWICE[:1], soft, ALL[:1], [[1, 1, 2, 3, 4]]),
    ("insert the new, delete the gone, and an update that never happens, 1 twice", TWICE,
     lambda merge: sync(merge.when_matched_update_all(predicate="false")), ONCE, ONCE),
]
holds = True
print("deltalake", deltalake.__version__, "| pyarrow", pa.__version__)
for what, lists, clauses, expected, known in CASES:
    seen = merged(lists, clauses)
    print(f"{what}: expected {expected}; seen {seen}")
    holds &= seen == known
sys.exit(0 if holds else "changed: rows that are matched twice are merged by other rules now (see above)")
PY
