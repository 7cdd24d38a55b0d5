"""The traps of stock Faust, each a scenario run in worker processes on a real Kafka."""
