"""Connecting to the store, checking it, and the embedded server."""
