"""A data set folder as it is written: images, shards, manifest, card."""
