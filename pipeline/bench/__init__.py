"""The benchmark: one standard workload, every stage alone and all of them together."""
