"""The audit trail's form: chained lines, signed batches, checkpoints; how it is built, proved and verified. No I/O."""
