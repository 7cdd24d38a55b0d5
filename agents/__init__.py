"""What the stream processor moves: Faust agents, one file a stage."""
