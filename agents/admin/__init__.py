"""Administration: reads from Kafka and writes to Kafka by commands."""
