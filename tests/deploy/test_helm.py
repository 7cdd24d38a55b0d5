"""Chart of `deploy/helm`: linted, rendered with five files of values, and valid."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import helm_python
import kubernetes_validate
import pytest
import yaml

from streams.settings.model import Secret, Settings
from tests.deploy.metric_names import METRIC_NAMES
from tests.deploy.tools import DEPLOY, metrics_in, run

pytestmark = pytest.mark.no_cover

CHART = DEPLOY / "helm/klaviyo-streams"
VALUES = sorted(CHART.glob("ci/*.yaml"))

KUBERNETES = "1.37"
"""Version whose schemas judge the manifests."""

CUSTOM_KINDS = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds of operators, of which Kubernetes has no schema."""

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def chart() -> helm_python.Chart:
    """Return the chart, loaded once."""
    return helm_python.Chart.load(str(CHART))


def render(chart: helm_python.Chart, values: Manifest) -> list[Manifest]:
    """Return the manifests of the chart with values."""
    chart.validate_schema(values)
    texts = chart.render(values, name="shop", namespace="shop")
    return [
        document
        for path, text in sorted(texts.items())
        if not path.endswith("NOTES.txt")
        for document in yaml.safe_load_all(text)
        if document
    ]


def read(path: Path) -> Manifest:
    """Return the values of a file."""
    return yaml.safe_load(path.read_text()) or {}


def values_of(name: str) -> Manifest:
    """Return the values of a file in `ci/`."""
    return read(CHART / f"ci/{name}.yaml")


def only(manifests: list[Manifest], kind: str) -> Manifest:
    """Return the manifest of a kind that has one."""
    [manifest] = [each for each in manifests if each["kind"] == kind]
    return manifest


def pod(manifests: list[Manifest]) -> Manifest:
    """Return the pod's specification of the workload."""
    [workload] = [
        each for each in manifests if each["kind"] in {"StatefulSet", "Deployment"}
    ]
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def test_lint_finds_no_fault() -> None:
    """The linter reports information, no warnings and no errors."""
    report = helm_python.lint(str(CHART))

    assert report["errors"] == []
    assert [m["error"] for m in report["messages"]] == ["icon is recommended"]


def test_there_are_five_files_of_values() -> None:
    """One for each way to run the workers."""
    names = [path.stem for path in VALUES]
    assert names == ["defaults", "memory", "monitored", "scaled", "secured"]


@pytest.mark.parametrize("path", VALUES, ids=[path.stem for path in VALUES])
def test_the_manifests_are_valid(chart: helm_python.Chart, path: Path) -> None:
    """Kubernetes' own schemas accept each manifest, with no unknown field."""
    kinds = set()
    for manifest in render(chart, read(path)):
        kinds.add(manifest["kind"])
        if manifest["kind"] not in CUSTOM_KINDS:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)

    assert kinds >= {"ConfigMap", "Service"}


def test_the_schemas_refuse_an_unknown_field(chart: helm_python.Chart) -> None:
    """A misspelt field of a manifest does not pass."""
    manifest = only(render(chart, {}), "PodDisruptionBudget")
    manifest["spec"]["maxUnavailible"] = 1

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"replicas": 0}, id="no-worker"),
        pytest.param({"replicaCount": 2}, id="unknown-name"),
        pytest.param({"state": {"kind": "disk"}}, id="unknown-state"),
        pytest.param({"image": {"digest": "latest"}}, id="digest-that-is-none"),
        pytest.param(
            {"secrets": {"klaviyoApiKey": {"name": "", "key": "k"}}}, id="no-secret"
        ),
        pytest.param(
            {"settings": {"klaviyo_api_key": "x"}}, id="secret-in-the-settings"
        ),
        pytest.param(
            {"settings": {"klaviyo_proxy_credentials": "x"}}, id="credentials"
        ),
        pytest.param({"settings": {"data_dir": "/x"}}, id="setting-of-the-chart"),
        pytest.param({"autoscaling": {"busyPercent": 0.7}}, id="share-for-percent"),
        pytest.param({"terminationGracePeriodSeconds": 5}, id="no-time-to-stop"),
        pytest.param({"serviceMonitor": {"interval": 15}}, id="interval-without-unit"),
    ],
)
def test_the_schema_of_the_values_refuses(
    chart: helm_python.Chart, values: Manifest
) -> None:
    """A value that the chart cannot use is refused before it is rendered."""
    with pytest.raises(helm_python.HelmError):
        chart.validate_schema(values)


def test_the_state_lies_on_a_volume_or_in_memory(chart: helm_python.Chart) -> None:
    """A StatefulSet has a disk a worker, a Deployment none."""
    on_disk = only(render(chart, {}), "StatefulSet")
    in_memory = only(render(chart, values_of("memory")), "Deployment")

    assert [
        claim["metadata"]["name"] for claim in on_disk["spec"]["volumeClaimTemplates"]
    ] == ["data"]
    assert environment(pod([on_disk]))["KLAVIYO_STREAMS_TABLE_STORE"] == "rocksdb"
    assert environment(pod([in_memory]))["KLAVIYO_STREAMS_TABLE_STORE"] == "memory"


def environment(spec: Manifest) -> dict[str, Any]:
    """Return the environment of the worker: name to value or source."""
    [container] = spec["containers"]
    return {
        variable["name"]: variable.get("value", variable.get("valueFrom"))
        for variable in container["env"]
    }


@pytest.mark.parametrize("path", VALUES, ids=[path.stem for path in VALUES])
def test_a_worker_is_confined(chart: helm_python.Chart, path: Path) -> None:
    """Not root, a root that is read-only, probes, and no secret but by reference."""
    manifests = render(chart, read(path))
    spec = pod(manifests)
    [container] = spec["containers"]

    assert spec["securityContext"]["runAsNonRoot"]
    assert not spec["automountServiceAccountToken"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert set(environment(spec)["KLAVIYO_API_KEY"]) == {"secretKeyRef"}
    assert "Secret" not in {manifest["kind"] for manifest in manifests}


def test_no_secret_stands_in_the_settings(chart: helm_python.Chart) -> None:
    """Each setting that holds a secret is refused among the settings of the chart."""
    secrets = [
        name for name, hint in get_type_hints(Settings).items() if hint is Secret
    ]

    for name in secrets:
        with pytest.raises(helm_python.HelmError):
            chart.validate_schema({"settings": {name: "x"}})
    assert "klaviyo_api_key" in secrets


def test_the_settings_are_those_of_a_worker(chart: helm_python.Chart) -> None:
    """Each variable of the chart is a setting, lists and mappings as it reads them."""
    manifests = render(chart, values_of("secured"))
    data = only(manifests, "ConfigMap")["data"]
    names = {
        name.removeprefix("KLAVIYO_STREAMS_").lower()
        for name in {**data, **environment(pod(manifests))}
        if name.startswith("KLAVIYO_STREAMS_")
    }

    assert names <= set(Settings.__struct_fields__)
    assert data["KLAVIYO_STREAMS_SOURCE_TOPICS"] == "events,orders"
    assert data["KLAVIYO_STREAMS_AUDIENCE_LISTS"] == "new=LiSt02,vip=LiSt01"
    assert data["KLAVIYO_STREAMS_MAX_EVENT_BYTES"] == "2000000"


def scaling_queries(manifests: list[Manifest]) -> Iterator[str]:
    """Yield the queries by which KEDA scales."""
    for trigger in only(manifests, "ScaledObject")["spec"]["triggers"]:
        yield trigger["metadata"]["query"]


def test_workers_scale_by_work_that_they_can_do(
    chart: helm_python.Chart, tmp_path: Path
) -> None:
    """The lag of intake and activate and the busy share count; no lane's lag does."""
    [lag, busy] = scaling_queries(render(chart, values_of("scaled")))

    assert 'group=~".*[.](intake|activate)"' in lag
    assert "deliver" not in lag + busy
    assert 'namespace="shop"' in lag
    assert metrics_in(lag) | metrics_in(busy) == {
        "klaviyo_streams_lag_records",
        "klaviyo_streams_stage_busy_seconds_total",
    }
    assert metrics_in(lag + busy) <= METRIC_NAMES
    rules = [{"record": f"q:{i}", "expr": e} for i, e in enumerate((lag, busy))]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "keda", "rules": rules}]}))
    run("promtool", "check", "rules", file)


def test_the_number_of_workers_is_left_to_keda(chart: helm_python.Chart) -> None:
    """A fixed number would undo the scaling with each upgrade."""
    manifests = render(chart, values_of("scaled"))

    assert "replicas" not in only(manifests, "StatefulSet")["spec"]
    assert only(manifests, "ScaledObject")["spec"]["maxReplicaCount"] == 16


def test_the_rules_of_the_chart_are_those_of_prometheus(
    chart: helm_python.Chart,
) -> None:
    """The PrometheusRule is the file with the unit tests, its links made whole."""
    rule = only(render(chart, values_of("monitored")), "PrometheusRule")
    groups = yaml.safe_load((DEPLOY / "prometheus/rules.yaml").read_text())["groups"]
    for alert in groups[0]["rules"]:
        texts = alert["annotations"]
        texts["runbook_url"] = (
            f"https://git.example.com/klaviyo-streams/{texts['runbook_url']}"
        )

    assert rule["spec"]["groups"] == groups


def test_the_dashboard_of_the_chart_is_that_of_grafana(
    chart: helm_python.Chart,
) -> None:
    """The ConfigMap holds the file as it is."""
    manifests = render(chart, values_of("monitored"))
    [config] = [m for m in manifests if m["metadata"]["name"].endswith("-dashboard")]

    text = (DEPLOY / "grafana/dashboard.json").read_text()
    assert config["data"]["klaviyo-streams.json"].rstrip() == text.rstrip()


def test_the_network_is_closed_but_for_kafka_klaviyo_and_names(
    chart: helm_python.Chart,
) -> None:
    """Ports that a worker needs are open, and those of the values."""
    policy = only(render(chart, values_of("secured")), "NetworkPolicy")

    ports = [
        port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]
    ]
    assert ports == [53, 53, 9094, 443, 8081]
