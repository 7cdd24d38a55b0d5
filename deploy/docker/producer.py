"""Producer of compose.yaml: one event after the other, made from an example's events.

    python producer.py EVENTS.jsonl TOPIC [--rate 5] [--count 100]

Each event gets a message id, a user and a time of its own.
"""

import argparse
import json
import os
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

USERS = 1_000


def events(lines: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the events again and again, each for another user."""
    for number, line in zip(count(), cycle(lines)):
        event = json.loads(line)
        user = f"u-{number % USERS}"
        traits = {"email": f"{user}@example.com"}
        event |= {
            "userId": user,
            "messageId": uuid.uuid4().hex,
            "timestamp": datetime.now(UTC).isoformat(),
            "context": {"traits": traits},
        }
        yield event


def main() -> None:
    """Send events until the count is reached, or the process is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("topic")
    parser.add_argument("--rate", type=float, default=5.0, help="events a second")
    parser.add_argument("--count", type=int, help="events to send; default: no end")
    options = parser.parse_args()
    servers = os.environ.get(
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"
    )
    producer = Producer({"bootstrap.servers": servers, "acks": "all"})
    lines = options.events.read_text().splitlines()
    for event in islice(events(lines), options.count):
        producer.produce(options.topic, json.dumps(event), key=event["userId"])
        producer.poll(0)
        time.sleep(1 / options.rate)
    producer.flush()


if __name__ == "__main__":
    main()
