"""What the clone has read: documents in, the right passages out."""
