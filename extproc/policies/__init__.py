"""What may pass: verdicts, the chain that joins them, and one module per policy kind."""
