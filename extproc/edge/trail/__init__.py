"""The audit trail on this machine: written, shipped to its sinks, removed when its retention has passed."""
