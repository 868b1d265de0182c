"""A work folder: its claim, the step it keeps, what it expects of images, what it learnt from."""
