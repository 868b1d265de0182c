"""What is trained and by what: models, losses, optimizers, schedules, micro-batches."""
