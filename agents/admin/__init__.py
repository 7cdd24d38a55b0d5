"""Administration: what the commands read from Kafka and publish to Kafka."""
