"""An OpenAI-compatible gateway for AWS SageMaker: Envoy carries bytes, this package judges, translates and signs."""

__version__ = "0.1.0"
