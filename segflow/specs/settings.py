"""`segflow.yml`: every key has a default that suits the demo. `${env:NAME}` and `${env:NAME:-default}` work in
every text value."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from segflow.durations import Duration
from segflow.specs.attachments import FileSize
from segflow.specs.coupons import CouponPool
from segflow.specs.exports import ExportSettings
from segflow.specs.flow_entry import FlowGroup
from segflow.specs.guards import Guards
from segflow.specs.limits import ONCE_BY_DEFAULT, Cap, OncePerAddress, QuietHours, SomeQuietHours
from segflow.specs.sender_settings import SenderModel, SenderSettings, always_there
from segflow.specs.serve import ServeSettings
from segflow.specs.throttle import Throttle
from segflow.specs.types import Identifier, MemorySize, SpecModel
from segflow.zones import zone_of

DEFAULT_WAREHOUSE = ".segflow/warehouse.duckdb"


class WarehouseSettings(SpecModel):
    """Of DuckDB, the embedded default, alone: where a server is, dbt's profile says. Paths are relative to the
    project's root."""

    path: str | None = None
    """The file, relative to the project's root. Default: the one that dbt's profile names, or where that leaves it to
    segflow (`env_var('SEGFLOW_WAREHOUSE')`) .segflow/warehouse.duckdb."""
    ledgers: str = ".segflow/ledgers"
    """The folder of Parquet files that `segflow rebuild` makes the warehouse from again."""
    memory_limit: MemorySize | None = None
    """How much memory DuckDB may take in this process, dbt's part included, like 4GB; its own default is 80% of the
    machine's. What needs more goes to disk, or fails."""


class DbtSettings(SpecModel):
    """The dbt project, and what it is run with. What is not said here is found as dbt itself finds it."""

    project: str = "dbt"
    """The folder that holds dbt_project.yml, relative to the project's root."""
    profile: str | None = None
    """Default: DBT_PROFILE, or what dbt_project.yml says."""
    target: str | None = None
    """Default: DBT_TARGET, or what the profile says."""
    profiles_dir: str | None = None
    """The folder that holds profiles.yml, relative to the project's root. Default: DBT_PROFILES_DIR, the dbt project's
    own folder when it has the file, or ~/.dbt."""
    build: Literal["own", "upstream"] | None = None
    """What a tick runs: segflow's models alone (own), or also those of yours that they read (upstream). Default: own
    where `project` is given, because whatever runs that project builds its models."""

    @property
    def builds_upstream(self) -> bool:
        """Does a tick run the user's models, too?"""
        return (self.build or ("own" if "project" in self.model_fields_set else "upstream")) == "upstream"


class SqlSegmentSettings(SpecModel):
    """What a `.sql` segment may take. Conditions and facts are ours and have no limit."""

    timeout: Duration = Field(default_factory=lambda: Duration.parse("10 minutes"), validate_default=False)
    """A query that runs longer is stopped, and its segment is stale."""


class FactSettings(SpecModel):
    """How the facts of segments and flows are computed where the catalog says when rows arrived (`arrived_at`)."""

    patch: bool | None = None
    """Are facts computed for the contacts alone whose rows came, or passed the edge of a window? Otherwise for all of
    them. Default: true on DuckDB and Postgres; false on Spark, where it took longer."""
    verify_every: Annotated[int, Field(ge=1)] = 24
    """After so many ticks at most patched facts and memberships are computed in full, and the two are compared. 1: at
    every tick, which saves nothing."""


class TrackingSettings(SpecModel):
    """Off unless said. Both need `public_url` and `link_secret`."""

    opens: bool = False
    """Marketing emails with HTML end with an invisible picture that segflow serve counts."""
    clicks: bool = False
    """Links in the HTML of marketing emails lead over segflow serve, which counts them."""


class DeliverySettings(SpecModel):
    mode: Literal["simulate", "test", "live"] = "simulate"
    """simulate: live senders are replaced by the mailbox. test: only addresses on the allowlist get anything.
    live: everything is sent."""
    allowlist: list[str] = Field(default_factory=list)
    """Addresses, phone numbers, URL prefixes or `*@domain` patterns that mode test may send to."""
    store: str = ".segflow/delivery.db"
    """A path for SQLite (relative to the project's root), or `postgresql://...`, which needs `pip install
    'segflow[postgres]'`."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500
    """How many messages are claimed and judged at once. Contacts are read once per 10,000 whatever it is."""
    in_doubt_at_most: Annotated[int, Field(ge=1, le=1_000)] = 20
    """How many messages per connection may be of unknown outcome when a crash hits a sender that is not idempotent.
    Fewer are slower: half as many are announced, and their outcomes recorded, in one go."""
    max_attempts: Annotated[int, Field(ge=1, le=50)] = 5
    """How often a message that a provider did not take is tried before it counts as failed."""
    max_lateness: Duration = Field(default_factory=lambda: Duration.parse("1 day"), validate_default=False)
    """A live sender skips as `too_late` what was planned longer ago than this."""
    inline_css: bool = True
    """Do rules in the `<style>` elements of an email's HTML go into the elements that they are about, too?"""
    attachments: str = "flow_specs/attachments"
    """The folder that emails may take attachments from, relative to the project's root."""
    attachments_at_most: FileSize = "10MB"
    """What the attachments of one email may have together."""
    opt_out_footer: str = "Reply STOP to opt out."
    """What marketing SMS end with, in a line of its own, unless the text says it or the step does not want it."""
    spool: str = ".segflow/spool"
    """The folder where `segflow serve` keeps what comes from outside until a tick takes it in, relative to the
    project's root. Both must see the same folder."""
    keep_unmatched: Duration = Field(default_factory=lambda: Duration.parse("7 days"), validate_default=False)
    """What providers tell of messages that are not known here is kept for so long: the outcome may come later than what
    is told of it. Then it is given up, and counted."""
    public_url: str | None = None
    """Where `segflow serve` is reached from outside, like https://links.example.com. With `link_secret`, marketing
    emails can be unsubscribed from with one click."""
    link_secret: Annotated[str, Field(min_length=32)] | None = Field(default=None, repr=False)
    """What links in messages are signed with: at least 32 characters that nobody can guess, as ${env:NAME}."""
    earlier_link_secrets: list[Annotated[str, Field(min_length=32)]] = Field(default_factory=list, repr=False)
    """Secrets of links that were sent before `link_secret` was changed and are still to work."""
    link_expiry: Duration = Field(default_factory=lambda: Duration.parse("180 days"), validate_default=False)
    """How long a link works after its message was planned; at least 60 days."""
    tracking: TrackingSettings = Field(default_factory=TrackingSettings)
    """Which of the opens and clicks of emails are recorded by links of segflow's own."""
    caps: list[Cap] = Field(default_factory=list)
    """How many messages a contact gets at most in some time. Several hold at once."""
    quiet_hours: SomeQuietHours | None = None
    """When messages to contacts wait or are skipped: like {from: "21:00", to: "08:00"}, or a list of such."""
    once_per_address: OncePerAddress = Field(default_factory=lambda: ONCE_BY_DEFAULT, validate_default=False)
    """Where contacts share an address, a flow writes to it once in a tick: on these channels (true: on all)."""
    throttle: Throttle | None = None
    """So many messages go out at most, over all live senders together; the others wait."""

    @property
    def all_quiet_hours(self) -> list[QuietHours]:
        """The rules in `quiet_hours`."""
        given = self.quiet_hours
        return given if isinstance(given, list) else [] if given is None else [given]

    @property
    def has_links(self) -> bool:
        """Messages have signed links."""
        return self.public_url is not None and self.link_secret is not None

    def reported_by_links(self) -> tuple[str, ...]:
        """What becomes known of emails by links of segflow's own, whoever sends them."""
        told = {"unsubscribed": True, "opened": self.tracking.opens, "clicked": self.tracking.clicks}
        return tuple(kind for kind, known in told.items() if known and self.has_links)


class DefaultSenders(SpecModel):
    """Which sender takes a channel when the step names none."""

    email: Identifier = "mailbox"
    """Who sends emails."""
    sms: Identifier = "mailbox"
    """Who sends SMS."""
    whatsapp: Identifier = "mailbox"
    """Who sends WhatsApp messages."""
    webhook: Identifier = "mailbox"
    """Who makes the calls of webhook steps."""
    notify: Identifier = "mailbox"
    """Who tells people of your own."""
    task: Identifier | None = None
    """A task is a row in `segflow.tasks`; with a sender here each of them is handed over, too."""

    def of(self, channel: str) -> str | None:
        """The sender's name; None for a channel that nothing takes unless somebody says so."""
        found: str | None = getattr(self, channel)
        return found


class Settings(SpecModel):
    name: Identifier = "segflow"
    """The name of the project, in Dagster and in `segflow serve`."""
    time_zone: str = "UTC"
    """Dates in specs are days of this zone, and months, weeks and days of the calendar are its own."""
    week_starts: Literal["monday", "sunday", "saturday"] = "monday"
    """The first day of a week."""
    cadence: str = "0 0 * * *"
    """The schedule of the Dagster job, as cron. What never comes (`0 0 31 2 *`), or what Dagster reads in another way
    (`7-7`, `*,15`), is refused."""
    engine: Literal["duckdb", "postgres", "spark"] | None = None
    """What the warehouse is: duckdb (a file), postgres (a server, which needs `pip install 'segflow[postgres]'`) or
    spark (by way of Spark Connect, which needs `pip install 'segflow[spark]'`). Default: what the target of dbt's
    profile is for, else duckdb."""
    warehouse: WarehouseSettings = WarehouseSettings()
    """Where the data is, when it is a file."""
    dbt: DbtSettings = Field(default_factory=DbtSettings)
    """The dbt project that holds your models: yours, untouched, wherever it is."""
    sql_segments: SqlSegmentSettings = Field(default_factory=SqlSegmentSettings)
    """What a `.sql` segment may take."""
    facts: FactSettings = FactSettings()
    """How facts are kept up to date from tick to tick."""
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    """Whether, when and how messages go out."""
    senders: dict[Identifier, SenderSettings] = Field(default_factory=dict)
    """`mailbox` and `console` are always there; naming them again changes their settings."""
    default_senders: DefaultSenders = DefaultSenders()
    """Which sender takes a channel when the step names none."""
    serve: ServeSettings = ServeSettings()
    """Limits of `segflow serve`."""
    exports: ExportSettings = Field(default_factory=ExportSettings)
    """Which files each tick writes; a segment's `export:` changes single keys."""
    coupons: dict[Identifier, CouponPool] = Field(default_factory=dict)
    """The pools of coupon codes. When some are named, a step cannot take codes from another one."""
    groups: dict[Identifier, FlowGroup] = Field(default_factory=dict)
    """Groups of flows; a flow says `group: NAME`."""
    guards: Guards = Guards()
    """How much may change in one tick before a person has to look at it."""

    @property
    def zone(self) -> ZoneInfo:
        """The project's time zone. Raises ValueError where `time_zone` is none, which is refused when it is loaded."""
        return zone_of(self.time_zone)

    def all_senders(self) -> dict[str, SenderModel]:
        """The senders by name, the two that are always there included."""
        return {**always_there(), **self.senders}
