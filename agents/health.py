"""`GET /healthz`: whether this worker reads what it should."""

from faust.types.web import Request, Response
from faust.web import View

from agents.engine.boot import EngineApp, reader_ages_s

SILENT_MAX_S = 60.0
"""A reader polls twice a second; a minute of silence is a fault worth an alarm."""


def register(app: EngineApp) -> None:
    """Add the page to Faust's web server."""

    @app.page("/healthz", name="healthz")
    async def healthz(view: View, _request: Request) -> Response:
        silent = [name for name, age_s in reader_ages_s(app) if age_s > SILENT_MAX_S]
        readers = {
            reader.options.name: {
                "partitions": len(reader.partitions),
                "recovering": sum(not p.ready for p in reader.partitions.values()),
                "unfinished": sum(p.unfinished for p in reader.partitions.values()),
            }
            for reader in app.readers
        }
        body = {"ok": not silent, "silent": silent, "readers": readers}
        return view.json(body, status=503 if silent else 200)
