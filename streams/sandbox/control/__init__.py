"""Pages under `/sandbox/` for inspecting, seeding and controlling the sandbox."""
