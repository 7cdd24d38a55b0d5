"""Migration from Segment: exports become a destination file, and files are compared."""
