"""Loopback servers that speak the vendors' wire protocols, for tests and benchmarks."""
