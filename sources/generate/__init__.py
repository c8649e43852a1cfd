"""Realistic usage by scenario and seed, with the truth about every record of it."""
