"""Configuration in, Envoy documents out. Pure."""
