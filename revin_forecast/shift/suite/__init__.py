"""Benchmark suites: their YAML files, data sets, planned runs and fingerprints."""
