"""Benchmarks that users run; no test depends on what they measure."""
