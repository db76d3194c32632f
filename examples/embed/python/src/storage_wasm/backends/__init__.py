"""Stores that keep bytes, in Python: what the decorators stand on."""
