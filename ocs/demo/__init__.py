"""Demonstrations that play network elements against a server and verify what they see."""
