"""Credentials for Kafka: tokens, and reasons why brokers refuse a connection."""
