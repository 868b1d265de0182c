"""A data set folder becomes batches: manifest, splits, positions in a run, tf.data.

May import: views, config, and what all packages share.

    cases = manifest.read("my_data").cases(["train"])
"""
