"""Accounts over time: fees, products, top-ups, advances, life. Pure: what is there in, a Posting out."""
