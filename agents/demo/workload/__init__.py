"""Generated events of a shop, with the expected effect of each."""
