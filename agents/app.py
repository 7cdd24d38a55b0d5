"""The worker: services, readers and hops, put together from the settings."""

from collections.abc import Callable
from pathlib import Path

from agents import activate, deliver, health, intake, pair
from agents.context import Context, clock_ms, kafka_access
from agents.engine.boot import EngineApp, reader_ages_s
from agents.engine.positions import Positions
from agents.engine.producer import Producer
from agents.engine.reader import Reader, ReaderOptions
from agents.engine.table import Table
from agents.engine.view import View
from agents.engine.watchdog import Watchdog
from agents.klaviyo import KlaviyoService, klaviyo_client
from streams.actions.activation import Lane
from streams.audiences.row import decode_row, encode_row, merge
from streams.destination.model import Destination
from streams.settings import Settings

STUCK_LIMIT_S = 600.0


def build(settings: Settings, destination: Destination) -> EngineApp:
    """One worker's app.

    Args:
        settings: What the worker is told.
        destination: What goes to Klaviyo.

    Raises:
        EngineError: Faust is not the version the engine was written for.
    """
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    app = EngineApp(
        settings.app_id,
        web_enabled=settings.web_port > 0,
        web_bind=settings.web_host,
        web_port=settings.web_port or 6066,
        datadir=settings.data_dir,
    )
    context = _context(settings, destination)
    klaviyo = KlaviyoService(context.klaviyo)
    app.before = [
        context.producer,
        context.lists,
        context.replays,
        context.positions,
        klaviyo,
    ]
    for hop in settings.hops:
        _HOPS[hop](app, context)
    app.before.append(_watchdog(app, settings))
    health.register(app)
    return app


def _context(settings: Settings, destination: Destination) -> Context:
    kafka = kafka_access(settings)
    producer = Producer(kafka)
    on_disk = settings.table_store == "rocksdb"
    return Context(
        settings=settings,
        kafka=kafka,
        producer=producer,
        memberships=Table(
            changelog=settings.topics.memberships_changelog,
            kafka=kafka,
            producer=producer,
            merge=_merge_rows,
            directory=Path(settings.data_dir) if on_disk else None,
        ),
        lists=View(topic=settings.topics.lists, kafka=kafka),
        replays=View(topic=settings.topics.replays, kafka=kafka),
        positions=Positions(
            topic=settings.topics.positions, kafka=kafka, producer=producer
        ),
        klaviyo=klaviyo_client(settings),
        destination=destination,
        now_ms=clock_ms,
    )


def _merge_rows(held: bytes | None, read: bytes) -> bytes:
    """Whatever a worker that should have been dead wrote late undoes nothing."""
    if held is None:
        return read
    return encode_row(merge(decode_row(held), decode_row(read)))


def _intake(app: EngineApp, context: Context) -> None:
    settings = context.settings
    topics = (*settings.source_topics, settings.topics.reentry)
    options = _reading(context, "intake", *topics)
    reader = Reader(
        app, kafka=context.kafka, options=options, positions=context.positions
    )
    intake.register(app, context, reader)
    app.readers.append(reader)


def _activate(app: EngineApp, context: Context) -> None:
    reader = Reader(
        app,
        kafka=context.kafka,
        options=_reading(context, "activate", context.settings.topics.events),
        open_partition=context.memberships.open,
        close_partition=context.memberships.close,
        positions=context.positions,
    )
    activate.register(app, context, reader)
    app.readers.append(reader)


def _deliver(app: EngineApp, context: Context) -> None:
    topics = context.settings.topics
    pairer = pair.Pairer(context)
    requests = Reader(
        app,
        kafka=context.kafka,
        options=_reading(context, "pair", topics.audiences),
        closing=pairer.closing,
        positions=context.positions,
    )
    pair.register(app, pairer, requests)
    app.readers.append(requests)
    for lane in map(Lane, context.settings.lanes):
        room = deliver.room_of(context, lane)
        reader = Reader(
            app,
            kafka=context.kafka,
            options=_reading(context, f"deliver.{lane}", topics.activations(lane)),
            open_partition=room.take_over,
            closing=room.service.closing,
            positions=context.positions,
        )
        deliver.register(app, room.service, reader=reader, name=lane)
        app.before.append(room.service)
        app.readers.append(reader)


_HOPS: dict[str, Callable[[EngineApp, Context], None]] = {
    "intake": _intake,
    "activate": _activate,
    "deliver": _deliver,
}


def _reading(context: Context, name: str, *topics: str) -> ReaderOptions:
    settings = context.settings
    return ReaderOptions(
        name=name,
        group=f"{settings.app_id}.{name}",
        topics=topics,
        commit_interval_s=settings.commit_interval_s,
        session_timeout_s=settings.session_timeout_s,
        rebalance_timeout_s=settings.rebalance_timeout_s,
    )


def _watchdog(app: EngineApp, settings: Settings) -> Watchdog:
    return Watchdog(
        frozen_limit_s=settings.session_timeout_s,
        stuck_limit_s=STUCK_LIMIT_S,
        ages_s=lambda: reader_ages_s(app),
    )
