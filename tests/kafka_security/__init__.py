"""Tests against a real Kafka with TLS, SASL, tokens and ACLs."""
