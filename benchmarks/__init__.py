"""Memory and speed against their aims: `make bench`."""
