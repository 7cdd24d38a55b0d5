"""The tests, by height: streams (pure), agents, journeys, kafka, contract."""
