"""Sockets and connections of the hot path (asyncio); Diameter itself is in ocs.diameter."""
