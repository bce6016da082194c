"""What policy-config.yaml may say: strict, frozen models whose descriptions are the reference manual."""
