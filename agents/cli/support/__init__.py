"""Options, output and the event tester that several commands share."""
