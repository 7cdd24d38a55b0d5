"""Health page `GET /healthz`: 200 while every reader polls, else 503."""

from faust.types.web import Request, Response
from faust.web import View

from agents.engine.faust_app import EngineApp, reader_poll_ages_s

SILENT_MAX_S = 60.0
"""Longest time without a poll: readers poll twice a second, so a minute is a fault."""


def register(app: EngineApp) -> None:
    """Add the health page to Faust's web server."""

    @app.page("/healthz", name="healthz")
    async def healthz(view: View, _request: Request) -> Response:
        silent_readers = [
            name for name, age_s in reader_poll_ages_s(app) if age_s > SILENT_MAX_S
        ]
        readers = {
            reader.options.name: {
                "partitions": len(reader.partitions),
                "recovering": sum(not p.ready for p in reader.partitions.values()),
                "unfinished": sum(
                    p.unfinished_count for p in reader.partitions.values()
                ),
            }
            for reader in app.readers
        }
        body = {"ok": not silent_readers, "silent": silent_readers, "readers": readers}
        return view.json(body, status=503 if silent_readers else 200)
