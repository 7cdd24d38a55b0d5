"""HTTP server of the sandbox: sockets, faults, authorization and rate limits."""
