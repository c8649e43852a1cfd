"""Conditions: which attributes of usage, account and subscription a price or a discount asks for."""
