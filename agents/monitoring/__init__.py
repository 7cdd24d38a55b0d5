"""Monitoring of a worker: pages for Prometheus and for whoever restarts workers."""
