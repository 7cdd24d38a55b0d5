"""Tokens for Kafka: credentials that fetch them, and their renewal."""
