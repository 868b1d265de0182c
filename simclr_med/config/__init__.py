"""Every setting of a run: its flag, default and check, and a work folder's claim to them.

May import: what all packages share (errors, files).

    config = making.make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/a"})
"""
