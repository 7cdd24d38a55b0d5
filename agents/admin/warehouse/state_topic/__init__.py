"""State of a sync in Kafka: any machine can go on with it, and one at a time does."""
