"""pii-detector: personal data found by pattern and checksum, redacted or refused. A package: one file per entity."""
