"""`@liquid`: python-liquid made to read and write as Segment's Liquid does."""
