"""Demo of the whole pipeline on this machine, with a comparison at the end."""
