"""The demo shop's customers: who they are and how they shop."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd

from demo.stock import CITIES, COUNTRIES, SIGNUP_SOURCES

# Habit -> (share of customers, days between orders from..to, months that it lasts on average).
HABITS: dict[str, tuple[float, tuple[float, float], float]] = {
    "weekly": (0.04, (7, 10), 14),
    "monthly": (0.17, (24, 40), 12),
    "occasional": (0.25, (50, 110), 15),
    "lapsing": (0.18, (14, 30), 3),
    "one_off": (0.18, (4000, 4001), 0.5),
    "browser": (0.18, (4000, 4001), 0),
}


def _letters(names: pd.Series) -> pd.Series:
    """Names as they look in an email address: lower-case ASCII letters only."""
    plain = {
        name: "".join(
            letter
            for letter in unicodedata.normalize("NFKD", name.replace("ß", "ss")).lower()
            if letter.isascii() and letter.isalpha()
        )
        for name in names.unique()
    }
    return names.map(plain)


def _some(rng: np.random.Generator, values: pd.Series, share: float) -> pd.Series:
    """`values` with a random `share` of them missing."""
    return values.mask(rng.random(len(values)) < share)


def make_people(rng: np.random.Generator, contacts: int, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """One row per customer in the order of signing up: the columns of `raw.customers`, and `habit`, `utc_hours`.

    A quarter signed up in the year before `start`; later sign-ups become more frequent towards `end`.
    """
    early = rng.random(contacts) < 0.25
    days = np.where(early, -365 * rng.random(contacts), (end - start).days * np.power(rng.random(contacts), 0.75))
    people = pd.DataFrame({"signed_up_at": (start + pd.to_timedelta(np.sort(days), unit="D")).floor("s")})
    people["customer_id"] = [f"C{number:06d}" for number in range(1, contacts + 1)]

    country = rng.choice(len(COUNTRIES), contacts, p=_shares([item.share for item in COUNTRIES]))
    for column in ("first_name", "last_name", "city", "time_zone", "phone"):
        people[column] = pd.Series(pd.NA, index=people.index, dtype="object")
    people["country"] = np.array([item.code for item in COUNTRIES], dtype=object)[country]
    people["currency"] = np.array([item.currency for item in COUNTRIES], dtype=object)[country]
    for number, item in enumerate(COUNTRIES):
        rows = np.flatnonzero(country == number)
        people.loc[rows, "first_name"] = rng.choice(np.array(item.first_names.split(), dtype=object), len(rows))
        people.loc[rows, "last_name"] = rng.choice(np.array(item.last_names.split(), dtype=object), len(rows))
        cities = [city for city in CITIES if city.country == item.code]
        chosen = rng.choice(len(cities), len(rows), p=_shares([city.share for city in cities]))
        people.loc[rows, "city"] = np.array([city.name for city in cities], dtype=object)[chosen]
        people.loc[rows, "time_zone"] = np.array([city.time_zone for city in cities], dtype=object)[chosen]
        if item.phones:
            people.loc[rows, "phone"] = _phones(rng, item.phones, len(rows))

    people["utc_hours"] = people["time_zone"].map(_hours_from_utc(people["time_zone"], end)).astype(float)
    people["city"] = _some(rng, people["city"], 0.08)
    # a shop that ships to a city knows the time zone; without a city it is known half of the time
    people["time_zone"] = people["time_zone"].mask(people["city"].isna() & (rng.random(contacts) < 0.5))
    people["phone"] = _some(rng, people["phone"], 0.35)
    people["birthday"] = _some(rng, _birthdays(rng, contacts, end), 0.30)

    people["email"] = _some(rng, _emails(rng, people), 0.01)
    people["email_subscribed"] = pd.array(rng.choice([True, False, None], contacts, p=[0.76, 0.16, 0.08]), "boolean")
    people["sms_subscribed"] = pd.array(rng.choice([True, False, None], contacts, p=[0.38, 0.40, 0.22]), "boolean")
    sources, weights = zip(*SIGNUP_SOURCES, strict=True)
    people["signup_source"] = rng.choice(np.array(sources, dtype=object), contacts, p=_shares(list(weights)))
    people["habit"] = rng.choice(
        np.array(list(HABITS), dtype=object), contacts, p=_shares([share for share, _, _ in HABITS.values()])
    )
    return people


def _shares(weights: list[float]) -> np.ndarray:
    return np.array(weights) / np.sum(weights)


def _phones(rng: np.random.Generator, ranges: tuple[tuple[str, int, int], ...], size: int) -> np.ndarray:
    """Numbers from the ranges that regulators keep for films and examples, so that nobody's phone can ring."""
    numbers = np.array(
        [f"{prefix}{ending:0{len(str(last))}d}" for prefix, first, last in ranges for ending in range(first, last + 1)],
        dtype=object,
    )
    return rng.choice(numbers, size)


def _birthdays(rng: np.random.Generator, size: int, end: pd.Timestamp) -> pd.Series:
    days = rng.integers(19 * 365, 78 * 365, size)
    return pd.Series(end.normalize() - pd.to_timedelta(days, unit="D")).dt.date


def _emails(rng: np.random.Generator, people: pd.DataFrame) -> pd.Series:
    """Unique addresses at the domains that are reserved for examples; one in 300 is mistyped."""
    local = _letters(people["first_name"]) + "." + _letters(people["last_name"])
    seen = local.groupby(local).cumcount()
    local = local + seen.map(lambda number: str(number + 1) if number else "")
    domain = rng.choice(np.array(["example.com", "example.org", "example.net"], dtype=object), len(people))
    address = local + "@" + domain
    return address.mask(rng.random(len(people)) < 1 / 300, local + "@example")


def _hours_from_utc(zones: pd.Series, at: pd.Timestamp) -> dict[str, float]:
    """Zone -> hours ahead of UTC at that time: near enough to let people shop in their own evening."""
    offsets = {zone: at.tz_localize(zone).utcoffset() for zone in zones.unique()}
    return {zone: offset.total_seconds() / 3600 for zone, offset in offsets.items() if offset is not None}
