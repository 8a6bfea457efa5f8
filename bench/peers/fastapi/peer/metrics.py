"""Metrics of this worker: requests by method, route and status, and their durations."""

from prometheus_client import Counter, Histogram

# Label of unmatched routes and of unusual methods.
OTHER = "other"
USUAL = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

REQUESTS = Counter("http_requests", "Requests served.", ("method", "route", "status"))
DURATIONS = Histogram(
    "http_request_duration_seconds", "Time until the response's head.", ("route",), buckets=SECONDS
)


def record(method, route, status, seconds):
    """Counts a response."""
    method = method if method in USUAL else OTHER
    REQUESTS.labels(method, route or OTHER, status).inc()
    DURATIONS.labels(route or OTHER).observe(seconds)
