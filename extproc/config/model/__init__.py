"""What policy-config.yaml may say: strict, frozen models whose descriptions are the reference manual."""

from extproc.config.model.configuration import Configuration, Policies, Policy, Providers, SizeLimits
from extproc.config.model.pack import Pack
from extproc.config.model.target import Options, Target

__all__ = ["Configuration", "Options", "Pack", "Policies", "Policy", "Providers", "SizeLimits", "Target"]
