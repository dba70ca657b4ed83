"""The mind of the clone: one turn of conversation, from heard words to a guarded reply."""
