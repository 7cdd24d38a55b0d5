"""Pages of a worker's web server: metrics and health."""

from typing import Any

from faust.types.web import Request, Response
from faust.web import View
from prometheus_client.exposition import choose_encoder

from agents.engine.faust_app import EngineApp
from agents.monitoring.health import Health
from agents.shared.metrics.registry import WorkerMetrics


def register_pages(app: EngineApp, metrics: WorkerMetrics, health: Health) -> None:
    """Add `/metrics`, `/livez`, `/readyz` and `/healthz` to Faust's web server."""

    @app.page("/metrics", name="metrics")
    async def show_metrics(view: View, request: Request) -> Response:
        headers: Any = request.headers
        encode, content_type = choose_encoder(headers.get("Accept", ""))
        page = encode(metrics.registry)
        return view.bytes(page, headers={"Content-Type": content_type})

    @app.page("/livez", name="livez")
    async def show_alive(view: View, _request: Request) -> Response:
        return view.json({"ok": True})

    @app.page("/readyz", name="readyz")
    async def show_ready(view: View, _request: Request) -> Response:
        body = health.readiness()
        return view.json(body, status=200 if body["ready"] else 503)

    @app.page("/healthz", name="healthz")
    async def show_reading(view: View, _request: Request) -> Response:
        body = health.reading()
        return view.json(body, status=200 if body["ok"] else 503)
