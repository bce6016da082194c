"""Strategies: each a pure function from targets, observations, request and time to the targets in order."""
