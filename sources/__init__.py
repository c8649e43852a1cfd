"""Reading what lies outside, into raw records; knows nothing of what the bytes mean."""
