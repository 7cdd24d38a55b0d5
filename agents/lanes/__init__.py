"""The lanes of the deliver stage: one module a lane, and the parts all lanes share."""
