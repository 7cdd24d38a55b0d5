"""Kafka broker for the tests: external, in Docker, on the JVM, or embedded."""
