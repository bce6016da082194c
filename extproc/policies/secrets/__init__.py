"""dlp-filter's `secrets`: credentials known by their form or by the name they are given. A package: one file a kind."""
