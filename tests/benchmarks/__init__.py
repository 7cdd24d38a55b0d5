"""Numbers, printed and not judged: `make bench`."""
