"""Known losses of stock Faust, as scenarios run in worker processes on a real Kafka."""
