"""Names of the metrics of a worker that rules, dashboard and chart may use."""

PREFIX = "klaviyo_streams_"

OF_WORKERS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "records_in_total",
        "records_out_total",
        "lag_records",
        "lag_age_seconds",
        "outcomes_total",
        "latency_to_acceptance_seconds",
        "latency_to_outcome_seconds",
        "quota_limit_requests",
        "quota_remaining_requests",
        "quota_own_share_ratio",
        "quota_others_share_ratio",
        "limiter_wait_seconds_total",
        "requests_total",
        "request_duration_seconds",
        "request_retries_total",
        "blocked_responses_total",
        "batches_total",
        "batch_items",
        "coalesced_total",
        "import_jobs_in_flight",
        "import_job_oldest_age_seconds",
        "pending_items",
        "pending_items_limit",
        "pending_bytes",
        "pending_bytes_limit",
        "lane_waiting",
        "state_entries",
        "state_recovery_remaining_records",
        "state_recovered",
        "dead_letters_total",
        "rebalances_total",
        "clock_difference_seconds",
        "build_info",
        "stage_busy_seconds_total",
        "last_progress_timestamp_seconds",
    )
)

OF_PROCESSES = frozenset(
    (
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    )
)
"""Metrics of prometheus-client itself."""

METRIC_NAMES = OF_WORKERS | OF_PROCESSES
