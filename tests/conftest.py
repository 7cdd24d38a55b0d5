"""What every test may ask for, and what every test is held to."""

pytest_plugins = ["tests.brokers.fixtures", "tests.judging.plugin"]
