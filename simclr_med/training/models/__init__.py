"""Models with their losses, optimizers, schedules, micro-batches."""
