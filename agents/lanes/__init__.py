"""The lanes of the deliver stage: a module per lane, and the parts all lanes share."""
