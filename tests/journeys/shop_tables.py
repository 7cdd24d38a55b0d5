"""Tables of a shop in PostgreSQL, and what a sandbox must hold of them."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.journeys.klaviyo import Klaviyo
from tests.structure.source import ROOT
from tests.support.postgres import Postgres

EXAMPLE = Path(ROOT, "deploy/examples/debezium-postgres")

TABLES = (
    """create table people (
        id bigint primary key, email text not null, first_name text,
        credit numeric(12, 2), born date, vip boolean default true, bio text)""",
    "alter table people alter column bio set storage external",
    "create table members (email text primary key, since date)",
    "create table guests (email text primary key)",
)

GUESTS = {
    "topic": "shop.public.guests",
    "format": "debezium",
    "email": "email",
    "audience": "guests",
    "on_truncate": "dead-letter",
}


class ShopTables:
    """Database of a shop; everything it captures has a name of its own.

    Args:
        postgres: The server.
        name: Name of database, slot and publication.
    """

    def __init__(self, postgres: Postgres, *, name: str) -> None:
        postgres.execute(f"create database {name}")
        self.name = name
        self.port = urlsplit(postgres.url).port
        url = postgres.url.rpartition("/")[0]
        self._connection = psycopg.connect(f"{url}/{name}", autocommit=True)
        self.execute(*TABLES)

    def execute(self, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        for statement in statements:
            self._connection.execute(statement.encode())

    def people(self) -> dict[str, dict[str, Any]]:
        """Return what the profile of each person must hold, by address."""
        rows = self._connection.execute(
            "select email, first_name, credit, born, vip, bio from people"
        )
        return {
            email: {
                "first_name": first_name,
                "credit": _number(credit),
                "born": None if born is None else born.isoformat(),
                "vip": vip,
                "bio": bio,
            }
            for email, first_name, credit, born, vip, bio in rows
        }

    def members(self) -> list[str]:
        """Return the addresses of all members, sorted."""
        rows = self._connection.execute("select email from members order by email")
        return [email for (email,) in rows]

    def log_position(self) -> str:
        """Return the end of the database's log."""
        return self._value("select pg_current_wal_lsn()::text")

    def is_confirmed(self, log_position: str) -> bool:
        """Return True if the connector has stored an offset behind a position."""
        end = self._value(
            "select confirmed_flush_lsn::text from pg_replication_slots"
            " where database = current_database()"
        )
        return _bytes_before(end) > _bytes_before(log_position)

    def _value(self, query: str) -> str:
        row = self._connection.execute(query.encode()).fetchone()
        return row[0] if row else "0/0"

    def connector(self, prefix: str) -> dict[str, str]:
        """Return the example's connector, for this database.

        Args:
            prefix: Prefix of the topics.
        """
        lines = (EXAMPLE / "connector.properties").read_text().splitlines()
        pairs = [line.partition("=") for line in lines if line and line[0] != "#"]
        return {name: value for name, _, value in pairs} | {
            "database.hostname": "127.0.0.1",
            "database.port": str(self.port),
            "database.user": "postgres",
            "database.password": "none",
            "database.dbname": self.name,
            "topic.prefix": prefix,
            "table.include.list": "public.people,public.members,public.guests",
            "slot.name": self.name,
            "publication.name": self.name,
        }

    def close(self) -> None:
        """Drop the replication slot, which would keep the log, and disconnect."""
        self._connection.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where database = current_database() and not active"
        )
        self._connection.close()


def profiles_of(klaviyo: Klaviyo) -> dict[str, dict[str, Any]]:
    """Return the profiles of a sandbox in the form of `ShopTables.people`."""
    columns = ("credit", "born", "vip", "bio")
    return {
        profile["email"]: {
            "first_name": profile.get("first_name"),
            **{name: profile["properties"].get(name) for name in columns},
        }
        for profile in klaviyo.ask("GET", "profiles")
    }


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _bytes_before(log_position: str) -> int:
    """Return the number of bytes before a position: `high/low`, hexadecimal."""
    high, low = log_position.split("/")
    return (int(high, 16) << 32) + int(low, 16)
