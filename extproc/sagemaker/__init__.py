"""The upstream's side: SageMaker Runtime's paths, signatures, frames and faults, and one file per container dialect."""
