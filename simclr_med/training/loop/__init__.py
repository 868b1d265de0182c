"""The training loop: steps, callbacks, checkpoints, logs."""
