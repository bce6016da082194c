"""A SageMaker runtime for tests and demonstrations: verifies signatures and misbehaves on demand."""
