"""Vendors behind the agent's ports, one module each; only `app.py` imports them."""
