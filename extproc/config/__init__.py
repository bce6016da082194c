"""policy-config.yaml: its model, its loader with exact positions, and its compilation into a frozen Runtime."""
