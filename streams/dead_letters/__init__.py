"""Dead letters: format, selection, requeue routes and resolutions."""
