"""What the demo shop is made of: people's names, cities, phone numbers, products. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    code: str
    share: float
    """Of all customers."""
    currency: str
    first_names: str
    """Separated by spaces, as are the last names."""
    last_names: str
    phones: tuple[tuple[str, int, int], ...]
    """Number ranges that the regulator keeps for fiction: prefix, first and last ending. Empty where there are none."""


@dataclass(frozen=True)
class City:
    country: str
    name: str
    share: float
    """Of the country's customers."""
    time_zone: str


COUNTRIES = (
    Country(
        "GB",
        0.46,
        "GBP",
        "Olivia Amelia Isla Ava Freya Grace Poppy Aisha Zoë Oliver George Arthur Noah Harry Jack Leo Idris Priya "
        "Maya Callum Rhys Eilidh Hamish Chloe",
        "Smith Jones Taylor Brown Williams Wilson Patel Khan Davies Evans Thomas Roberts Walker Wright Hughes Green "
        "Edwards Clarke Hall O'Connor MacLeod Campbell Begum Okafor",
        (("+447700900", 0, 999),),
    ),
    Country(
        "IE",
        0.06,
        "EUR",
        "Aoife Saoirse Niamh Ciara Fiadh Orla Conor Seán Cillian Oisín Darragh Eoin",
        "Murphy Kelly Byrne Ryan O'Sullivan Walsh Doyle McCarthy Gallagher Kavanagh",
        (),
    ),
    Country(
        "FR",
        0.14,
        "EUR",
        "Camille Léa Manon Chloé Inès Juliette Élodie Gabriel Louis Raphaël Jules Hugo François Théo Noémie",
        "Martin Bernard Dubois Moreau Laurent Lefèvre Garcia Roux Fournier Girard Benoît Châtelain",
        (("+3363998", 0, 9999),),
    ),
    Country(
        "DE",
        0.12,
        "EUR",
        "Emma Mia Hannah Lina Jürgen Jörg Lukas Jonas Felix Paul Käthe Greta Anton Elif Mehmet Sophie",
        "Müller Schmidt Schneider Fischer Weber Becker Hoffmann Schäfer Koch Demir Krüger Voß",
        (("+49176040690", 0, 99), ("+4917139200", 0, 99)),
    ),
    Country(
        "SE",
        0.06,
        "SEK",
        "Alice Astrid Elsa Ebba Åsa Maja William Liam Nils Oskar Björn Sixten",
        "Andersson Johansson Karlsson Nilsson Eriksson Lindström Öberg Sjögren Åkesson",
        (("+46701740", 605, 699),),
    ),
    Country(
        "US",
        0.13,
        "USD",
        "Emma Sophia Isabella Mia Harper Evelyn Liam Mateo James Benjamin Elijah Ethan Jamal Keisha Mei Santiago "
        "Valeria Hiroshi",
        "Johnson Garcia Miller Davis Rodriguez Martinez Lopez Nguyen Lee Thompson White Chen Jackson Tanaka "
        "Kowalski Rossi",
        (("+121255501", 0, 99), ("+131255501", 0, 99), ("+141555501", 0, 99)),
    ),
    Country(
        "AU",
        0.03,
        "AUD",
        "Charlotte Matilda Ruby Isabelle Lachlan Cooper Archie Banjo Thu Kirra",
        "Nguyen Wilson Singh Kelly Anderson Thompson Papadopoulos Baker",
        (("+61491570", 156, 159),),
    ),
)

CITIES = (
    City("GB", "London", 0.42, "Europe/London"),
    City("GB", "Manchester", 0.16, "Europe/London"),
    City("GB", "Bristol", 0.12, "Europe/London"),
    City("GB", "Edinburgh", 0.12, "Europe/London"),
    City("GB", "Leeds", 0.10, "Europe/London"),
    City("GB", "Cardiff", 0.08, "Europe/London"),
    City("IE", "Dublin", 0.75, "Europe/Dublin"),
    City("IE", "Cork", 0.25, "Europe/Dublin"),
    City("FR", "Paris", 0.55, "Europe/Paris"),
    City("FR", "Lyon", 0.25, "Europe/Paris"),
    City("FR", "Bordeaux", 0.20, "Europe/Paris"),
    City("DE", "Berlin", 0.45, "Europe/Berlin"),
    City("DE", "Hamburg", 0.30, "Europe/Berlin"),
    City("DE", "München", 0.25, "Europe/Berlin"),
    City("SE", "Stockholm", 0.60, "Europe/Stockholm"),
    City("SE", "Malmö", 0.40, "Europe/Stockholm"),
    City("US", "New York", 0.50, "America/New_York"),
    City("US", "Chicago", 0.22, "America/Chicago"),
    City("US", "San Francisco", 0.28, "America/Los_Angeles"),
    City("AU", "Melbourne", 0.60, "Australia/Melbourne"),
    City("AU", "Sydney", 0.40, "Australia/Sydney"),
)

GBP_RATES = {"GBP": 1.0, "EUR": 0.85, "USD": 0.78, "SEK": 0.075, "AUD": 0.51}
"""What one unit is worth in pounds; fixed, so that the demo is the same every day."""

TEAS = ("Black tea", "Green tea", "Oolong", "Herbal tea")

PRODUCTS: tuple[tuple[str, str, float], ...] = (
    ("Assam Breakfast, 100 g", "Black tea", 6.90),
    ("Darjeeling First Flush, 50 g", "Black tea", 12.50),
    ("Ceylon Orange Pekoe, 100 g", "Black tea", 7.40),
    ("Smoky Lapsang Souchong, 75 g", "Black tea", 8.20),
    ("Earl Grey with Cornflowers, 100 g", "Black tea", 7.80),
    ("Masala Chai, 125 g", "Black tea", 8.50),
    ("Sencha Uji, 75 g", "Green tea", 11.90),
    ("Genmaicha, 100 g", "Green tea", 8.40),
    ("Jasmine Pearls, 50 g", "Green tea", 13.80),
    ("Gunpowder, 100 g", "Green tea", 6.50),
    ("Ceremonial Matcha, 30 g", "Green tea", 24.00),
    ("Tie Guan Yin, 50 g", "Oolong", 14.20),
    ("Milk Oolong, 50 g", "Oolong", 12.80),
    ("Da Hong Pao, 40 g", "Oolong", 19.50),
    ("Chamomile Flowers, 50 g", "Herbal tea", 5.60),
    ("Peppermint, 60 g", "Herbal tea", 5.20),
    ("Rooibos Vanilla, 100 g", "Herbal tea", 6.80),
    ("Lemon and Ginger, 80 g", "Herbal tea", 6.20),
    ("Cast Iron Teapot, 0.8 l", "Teaware", 58.00),
    ("Glass Teapot, 1 l", "Teaware", 34.00),
    ("Porcelain Gaiwan", "Teaware", 26.00),
    ("Stoneware Mug, ash", "Teaware", 16.00),
    ("Stoneware Mug, ochre", "Teaware", 16.00),
    ("Pair of Double-walled Glasses", "Teaware", 22.50),
    ("Bamboo Matcha Whisk", "Teaware", 14.00),
    ("Brass Tea Strainer", "Teaware", 11.50),
    ("Linen Tea Towel, stripes", "Kitchen", 9.80),
    ("Linen Tea Towel, herbs", "Kitchen", 9.80),
    ("Olive Wood Board", "Kitchen", 29.00),
    ("Enamel Milk Pan", "Kitchen", 32.00),
    ("Honey Dipper", "Kitchen", 6.50),
    ("Biscuit Tin, tall", "Kitchen", 18.50),
    ("Wool Throw, moss", "Home", 74.00),
    ("Wool Throw, oat", "Home", 74.00),
    ("Beeswax Candles, set of four", "Home", 15.50),
    ("Terracotta Planter", "Home", 21.00),
    ("Cushion Cover, indigo", "Home", 27.00),
    ("Tea Advent Calendar", "Gifts", 39.00),
    ("Tasting Box: Six Black Teas", "Gifts", 24.50),
    ("Tasting Box: Six Green Teas", "Gifts", 26.50),
    ("Letterbox Tea Gift", "Gifts", 12.00),
    ("Gift Card", "Gifts", 25.00),
)
"""Name, category, price in pounds."""

PRODUCT_IDS = tuple(f"P{number:03d}" for number in range(1, len(PRODUCTS) + 1))

SIGNUP_SOURCES = (
    ("shop", 0.46),
    ("newsletter_popup", 0.27),
    ("friend", 0.12),
    ("market_stall", 0.09),
    ("instagram", 0.06),
)
SEARCHES = ("matcha", "earl grey", "teapot", "gift", "decaf", "chai", "mug", "throw", "loose leaf", "advent calendar")
DEVICES = ("phone", "desktop", "tablet")
PAGES = ("/", "/teas", "/teaware", "/journal/how-to-brew", "/gifts", "/about", "/delivery")
