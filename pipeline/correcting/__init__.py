"""Correcting a month: what it was charged is replayed, and what it should have been is worked out."""
