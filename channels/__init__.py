"""The doors through which messages come in and replies go out."""
