#!/usr/bin/env bash
# pyrate-limiter: the name given to try_acquire is not what the limit is counted by
#
# Seen with: pyrate-limiter 4.5.1 and 2.10.0
# One would expect: Limiter(Rate(2, Duration.DAY)).try_acquire(contact_id) allows two a day for each contact, as it did
#   in version 2. The argument is called name, and the package promises to track several resources independently.
# What happens: since version 3 all names share one bucket; the name is only a label. Two for the first contact, none
#   for anybody else. Counting by name wants a BucketFactory of one's own. Beside that, try_acquire WAITS by default
#   instead of refusing (blocking=True), so the mistake shows as slowness.
# What hurts: a frequency cap per contact becomes a cap on all contacts: a flow sends two mails a day and everything
#   looks healthy. Upgrading from 2 changes it without an error.
#   segflow has no limiter yet; its caps are to be counted from the deliveries, per contact, not by a library's names.
# Source: vutran1710/PyrateLimiter issues 153 and 238.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
for version in 2.10.0 4.5.1; do
  venv/bin/pip install --quiet --target "v$version" "pyrate-limiter==$version" || { echo "cannot install"; exit 2; }
done

cat > old.py <<'PY'
from pyrate_limiter import BucketFullException, Duration, Limiter, RequestRate

limiter = Limiter(RequestRate(2, Duration.DAY))


def allowed(name):
    try:
        limiter.try_acquire(name)
    except BucketFullException:
        return "no"
    return "yes"


print(*(allowed(name) for name in ("ann", "ann", "ann", "bob", "cy")))
PY
cat > new.py <<'PY'
from pyrate_limiter import Duration, Limiter, Rate

limiter = Limiter(Rate(2, Duration.DAY))
print(*("yes" if limiter.try_acquire(name, blocking=False) else "no" for name in ("ann", "ann", "ann", "bob", "cy")))
PY
old=$(PYTHONPATH=v2.10.0 venv/bin/python old.py)
new=$(PYTHONPATH=v4.5.1 venv/bin/python new.py)
echo "a limit of two a day, asked for:       ann ann ann bob cy"
echo "expected, and pyrate-limiter 2.10.0:   $old"
echo "pyrate-limiter 4.5.1:                  $new"
[ "$old" = "yes yes no yes yes" ] || { echo "Version 2.10.0 does something else than before."; exit 1; }
[ "$new" = "yes yes no no no" ] || { echo "This has changed: names no longer share one bucket."; exit 1; }
