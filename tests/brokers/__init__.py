"""A broker for the tests: the caller's, Docker's, the JVM's, or the embedded one."""
