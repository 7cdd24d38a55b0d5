"""The worker: services and stages, built from the settings."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from agents import activate, deliver, intake, list_resolver, release
from agents.engine.faust_app import EngineApp, reader_poll_ages_s
from agents.engine.global_table import GlobalTable
from agents.engine.offset_backup import OffsetBackup
from agents.engine.producer import Producer
from agents.engine.table import Table
from agents.engine.watchdog import Watchdog
from agents.lanes.service import LaneService
from agents.monitoring.health import Health
from agents.monitoring.lag import LagWatch
from agents.monitoring.pages import register_pages
from agents.monitoring.scrape import Scrape
from agents.shared.context import Context, clock_ms, kafka_access
from agents.shared.klaviyo import KlaviyoService, create_klaviyo_client
from agents.shared.metrics.registry import WorkerMetrics
from agents.shared.metrics.requests import RequestMetrics
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.store import SchemaStore
from agents.shared.schema_wait import SchemaWait
from agents.shared.stages import run_stage
from agents.shared.warnings import WarningLog
from streams.delivery.outcome import Stage
from streams.destination.model import Destination
from streams.events.sources import converted_topics
from streams.settings import Settings
from streams.state.entries import merge_entry

READER_STUCK_LIMIT_S = 600.0


def build_app(settings: Settings, destination: Destination) -> EngineApp:
    """Build the app of a worker.

    Args:
        settings: Settings of the worker.
        destination: The compiled destination file.

    Raises:
        EngineError: The installed version of Faust is not supported.
    """
    Path(settings.data_dir).mkdir(parents=True, exist_ok=True)
    app = EngineApp(
        settings.app_id,
        web_enabled=settings.web_port > 0,
        web_bind=settings.web_host,
        web_port=settings.web_port or 6066,
        datadir=settings.data_dir,
    )
    context = _build_context(settings, destination)
    klaviyo = KlaviyoService(context.klaviyo)
    app.base_services = [
        context.producer,
        context.audience_lists,
        context.replays,
        context.offset_backup,
        context.schemas,
        klaviyo,
    ]
    for stage in settings.stages:
        _stage_adder(stage, destination)(app, context)
    lags = LagWatch(app.readers, context.now_ms)
    app.base_services += [_build_watchdog(app, settings), lags]
    lanes = [lane for lane in app.base_services if isinstance(lane, LaneService)]
    Scrape(app, context, lags=lags, lanes=lanes).register()
    register_pages(app, context.metrics, Health(app, lags=lags, lanes=lanes))
    return app


def _build_context(settings: Settings, destination: Destination) -> Context:
    kafka, topics = kafka_access(settings), settings.topics
    producer = Producer(kafka)
    metrics = WorkerMetrics(
        stages=_stage_names(settings),
        mappings=[rule.name for rule in destination.mappings],
    )
    is_on_disk = settings.table_store == "rocksdb"
    return Context(
        settings=settings,
        topics=topics,
        kafka=kafka,
        producer=producer,
        user_states=Table(
            changelog=topics.memberships_changelog,
            kafka=kafka,
            producer=producer,
            merge=merge_entry,
            directory=Path(settings.data_dir) if is_on_disk else None,
        ),
        audience_lists=GlobalTable(topic=topics.audience_lists, kafka=kafka),
        replays=GlobalTable(topic=topics.replays, kafka=kafka),
        offset_backup=OffsetBackup(
            topic=topics.offset_backup, kafka=kafka, producer=producer
        ),
        klaviyo=create_klaviyo_client(
            settings, on_attempt=RequestMetrics(metrics, clock_ms)
        ),
        destination=destination,
        converted_topics=converted_topics(destination.sources),
        warn=WarningLog(),
        schemas=SchemaStore(RegistryClients()),
        now_ms=clock_ms,
        metrics=metrics,
    )


def _stage_names(settings: Settings) -> list[str]:
    """Return the names of the stages that run, those without outcomes too."""
    beside = {"activate": [release.NAME], "deliver": [list_resolver.NAME]}
    stages = [stage for stage in settings.stages if stage != "deliver"]
    lanes = settings.lanes if "deliver" in settings.stages else ()
    others = [name for stage in settings.stages for name in beside.get(stage, [])]
    return [*stages, *map(Stage.deliver, lanes), *others]


def _add_intake(app: EngineApp, context: Context) -> None:
    run_stage(
        app,
        context,
        name=Stage.INTAKE,
        topics=(*context.settings.source_topics, context.topics.reprocess),
        process=partial(intake.process_batch, context),
    )


def _add_framed_intake(app: EngineApp, context: Context) -> None:
    """Add intake for sources with records that wait for schemas."""
    waiting = SchemaWait(context, process=partial(intake.process_records, context))
    run_stage(
        app,
        context,
        name=Stage.INTAKE,
        topics=(*context.settings.source_topics, context.topics.reprocess),
        process=waiting.process_batch,
        marks_done=True,
        on_partitions_revoked=waiting.on_partitions_revoked,
    )


def _add_activate(app: EngineApp, context: Context) -> None:
    run_stage(
        app,
        context,
        name=Stage.ACTIVATE,
        topics=(context.topics.events,),
        process=partial(activate.process_batch, context),
        open_partition=context.user_states.open,
        close_partition=context.user_states.close,
    )
    held_events = release.HeldEvents(context)
    run_stage(
        app,
        context,
        name=release.NAME,
        topics=(context.topics.held_events,),
        process=held_events.enqueue,
        marks_done=True,
        on_partitions_revoked=held_events.on_partitions_revoked,
    )
    app.base_services.append(held_events)


def _add_deliver(app: EngineApp, context: Context) -> None:
    topics = context.topics
    resolver = list_resolver.ListResolver(context)
    run_stage(
        app,
        context,
        name=list_resolver.NAME,
        topics=(topics.list_requests,),
        process=resolver.process_batch,
        marks_done=True,
        on_partitions_revoked=resolver.on_partitions_revoked,
    )
    for lane_id in context.settings.lanes:
        lane = LaneService(context, deliver.create_lane(context, lane_id))
        run_stage(
            app,
            context,
            name=lane.stage,
            topics=(topics.activations[lane_id],),
            process=lane.enqueue,
            marks_done=True,
            open_partition=lane.on_partition_assigned,
            on_partitions_revoked=lane.on_partitions_revoked,
        )
        app.base_services.append(lane)


_STAGES: dict[str, Callable[[EngineApp, Context], None]] = {
    "intake": _add_intake,
    "activate": _add_activate,
    "deliver": _add_deliver,
}


def _stage_adder(
    stage: str, destination: Destination
) -> Callable[[EngineApp, Context], None]:
    needs_registry = any(source.needs_registry for source in destination.sources)
    if stage == Stage.INTAKE and needs_registry:
        return _add_framed_intake
    return _STAGES[stage]


def _build_watchdog(app: EngineApp, settings: Settings) -> Watchdog:
    return Watchdog(
        frozen_limit_s=settings.session_timeout_s,
        stuck_limit_s=READER_STUCK_LIMIT_S,
        poll_ages_s=lambda: reader_poll_ages_s(app),
    )
