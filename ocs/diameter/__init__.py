"""The Diameter protocol without I/O: bytes in, messages and answers out (RFC 6733, RFC 8506)."""
