#!/bin/sh
# Checks that need a container engine: the image, and the journey of compose.yaml.
#
#   deploy/verify-with-docker.sh            from the top of the checkout, with Docker 24 or newer
#
# Ends with 0 if all is as deploy/README.md says. Removes what it started.
set -eu
IMAGE=klaviyo-streams:0.1.0
COMPOSE="docker compose -f deploy/compose.yaml"

say() { printf '%s\n' "$*"; }
fail() { say "FAILED: $*" >&2; exit 1; }
# Runs a command until it succeeds, for at most 120 s.
await() {
  what=$1; shift
  for _ in $(seq 60); do
    if "$@" >/dev/null 2>&1; then say "ok: $what"; return; fi
    sleep 2
  done
  fail "$what"
}
json() { python3 -c "import json, sys; print(eval(sys.argv[1], {'d': json.load(sys.stdin)}))" "$1"; }

trap '$COMPOSE down --volumes --timeout 90 >/dev/null 2>&1 || true' EXIT

say "== image"
docker build --check -f deploy/docker/Dockerfile .
docker build -f deploy/docker/Dockerfile -t "$IMAGE" --build-arg REVISION="$(git rev-parse HEAD)" .
say "size: $(docker image inspect --format '{{.Size}}' "$IMAGE") bytes"
[ "$(docker image inspect --format '{{.Config.User}}' "$IMAGE")" = 10001:10001 ] || fail "user"
docker image inspect --format '{{json .Config.Labels}}' "$IMAGE"
run="docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges:true"
$run "$IMAGE" --version
$run "$IMAGE" check --help >/dev/null
$run --entrypoint sh "$IMAGE" -c 'for tool in cc gcc g++ make pip; do ! command -v $tool || exit 1; done' ||
  fail "a compiler or an installer is in the image"
$run --entrypoint sh "$IMAGE" -c '! touch /opt/klaviyo-streams/x 2>/dev/null' || fail "root is not read-only"

say "== journey"
$COMPOSE config --quiet
$COMPOSE up --detach --build
await "the sandbox answers" curl -fsS localhost:8900/sandbox/state
events() { [ "$(curl -fsS localhost:8900/sandbox/events | json 'len(d)')" -gt 20 ]; }
await "events arrive in Klaviyo" events
healthy() { [ "$($COMPOSE ps --format json "$1" | json "d['Health']")" = healthy ]; }
await "worker-1 is healthy" healthy worker-1
await "worker-2 is healthy" healthy worker-2
targets() {
  [ "$(curl -fsS localhost:9090/api/v1/targets |
    json "sorted(t['health'] for t in d['data']['activeTargets'])")" = "['up', 'up']" ]
}
await "Prometheus scrapes both workers" targets
await "Grafana has the dashboard" curl -fsS localhost:3000/api/dashboards/uid/klaviyo-streams

say "== signals"
$COMPOSE stop worker-1
[ "$($COMPOSE ps --all --format json worker-1 | json "d['ExitCode']")" = 0 ] || fail "SIGTERM: exit code is not 0"
$COMPOSE kill worker-2
$COMPOSE start worker-1 worker-2
await "worker-2 is healthy after a kill" healthy worker-2

say "== digests, to pin the images by"
docker image ls --digests --format '{{.Repository}}:{{.Tag}}@{{.Digest}}' | grep -E '^(python|apache/kafka|prom/prometheus|grafana/grafana):' || true
say "all ok"
