"""Models with their losses, optimizers, callbacks, the loop, and the modes that train or predict.

May import: evaluation, data, encoders, views, config, and what all packages share.

    pretrain.run(make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/a"}))
"""
