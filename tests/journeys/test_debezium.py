"""Tables in PostgreSQL, captured by Debezium, end as profiles and lists in Klaviyo."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.brokers.interface import admin
from tests.journeys.harness import Pipeline
from tests.journeys.shop_tables import EXAMPLE, GUESTS, ShopTables, profiles_of
from tests.journeys.topics import Group
from tests.support.connect import Connect
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROWS = (
    """insert into people values
        (1, 'ada@example.com', 'Ada', 12.34, '1990-05-17', true, null),
        (2, 'bob@example.com', 'Bob', 1000000000.5, null, null, null),
        (3, 'cid@example.com', 'Cid', null, '1970-01-01', false, repeat('x', 3000))
    """,  # PostgreSQL stores the long text outside of the row
    "insert into members values ('ada@example.com', now()), ('bob@example.com', now())",
    "insert into guests values ('gus@example.com')",
)
CHANGES = (
    "insert into people values (4, 'dan@example.com', 'Dan', 0.1, null, null, null)",
    "update people set first_name = 'Cyd' where id = 3",
    "update people set credit = credit + 1, vip = null where id = 1",
    "update people set id = 102 where id = 2",
    "insert into members values ('dan@example.com', now()), ('eve@example.com', now())",
    "delete from members where email = 'ada@example.com'",
    "update members set email = 'cid@example.com' where email = 'bob@example.com'",
)
CHANGE_BEFORE_KILL = "update people set first_name = 'Bobby' where id = 102"
CHANGES_WHILE_DOWN = (
    "update people set first_name = 'Ada L.' where id = 1",
    "insert into people values (5, 'eve@example.com', 'Eve', 5, null, true, null)",
    "delete from people where id = 4",
    "delete from members where email = 'dan@example.com'",
    "insert into members values ('ada@example.com', now())",
)


@pytest.fixture
def shop(postgres: Postgres, topic_prefix: str) -> Iterator[ShopTables]:
    """Create the tables of a shop with their first rows."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install default-jre maven")
    name = f"shop_{topic_prefix[-9:-1]}"
    with closing(ShopTables(postgres, name=name)) as shop:
        shop.execute(*ROWS)
        yield shop


def _destination(directory: Path, *, prefix: str) -> Path:
    """Write the example's destination with this run's topics, and a table more."""
    destination = yaml.safe_load((EXAMPLE / "destination.yaml").read_text())
    destination["sources"]["guests"] = GUESTS
    text = yaml.safe_dump(destination).replace("shop.public.", f"{prefix}public.")
    path = directory / "destination.yaml"
    path.write_text(text)
    return path


def _await_equal(pipeline: Pipeline, shop: ShopTables, *, left: set[str]) -> None:
    """Wait until Klaviyo holds what SQL says, and nobody else but those who left."""
    klaviyo = pipeline.klaviyo

    def is_equal() -> bool:
        profiles = profiles_of(klaviyo)
        people = {email: profiles.get(email) for email in shop.people()}
        return (
            people == shop.people()
            and klaviyo.members().get("members") == shop.members()
        )

    pipeline.until(is_equal)
    on_lists = {email for emails in klaviyo.members().values() for email in emails}
    assert klaviyo.emails() == shop.people().keys() | on_lists | left


def test_profiles_and_lists_end_as_the_tables_are(
    pipeline: Pipeline, shop: ShopTables, topic_prefix: str, tmp_path: Path
) -> None:
    """Snapshot, changes, changed keys, a killed Connect and a truncated table."""
    prefix = f"{topic_prefix}shop."
    topics = [f"{prefix}public.{table}" for table in ("people", "members", "guests")]
    pipeline.broker.create_topics(*topics, partitions=2)
    pipeline.source = topics[0]
    pipeline.run(
        destination=_destination(tmp_path, prefix=prefix),
        source_topics=",".join(topics),
    )
    settings = pipeline.settings
    bootstrap = settings.kafka_bootstrap_servers
    pipeline.groups["intake"] = Group(
        admin(bootstrap), bootstrap, f"{settings.app_id}.intake", topics
    )
    connectors = {"shop": shop.connector(prefix.rstrip("."))}
    home = tmp_path / "connect"
    with closing(
        Connect(pipeline.broker.bootstrap, home=home, connectors=connectors)
    ) as connect:
        _await_equal(pipeline, shop, left=set())
        log_position = shop.log_position()
        shop.execute(*CHANGES)
        _await_equal(pipeline, shop, left=set())
        # Debezium takes the snapshot again if it was killed before it had the offset of
        # a change, and nobody would name the rows that are deleted while it is down.
        pipeline.until(lambda: shop.is_confirmed(log_position))

        # Killed before it has flushed the offset of a change, Connect sends it again.
        shop.execute(CHANGE_BEFORE_KILL)
        _await_equal(pipeline, shop, left=set())
        connect.kill()
        shop.execute(*CHANGES_WHILE_DOWN)
        connect.start()
        _await_equal(pipeline, shop, left={"dan@example.com"})

        shop.execute("truncate guests", "insert into guests values ('hal@example.com')")
        [truncated] = pipeline.await_dead_letters(1)
        pipeline.until(
            lambda: "hal@example.com" in pipeline.klaviyo.members_of("guests")
        )

    pipeline.until(lambda: not pipeline.lagging)
    pipeline.outcomes.read()
    reasons = {reason for _, _, _, reason in pipeline.outcomes.counts()}
    assert reasons >= {"key-change", "tombstone", "truncated"}
    _await_equal(pipeline, shop, left={"dan@example.com"})
    code = truncated.headers["__connect.errors.exception.class.name"]
    assert code == "truncated"
