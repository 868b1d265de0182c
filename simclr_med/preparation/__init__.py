"""Preparation: images and tables on disk become a data set folder; its page; generated data.

May import: data, views, config, and what all packages share.

    prepare("folders", "my_images", "my_data", Settings(), options)

sources read -> pools join -> checking looks -> renaming -> split_assignment -> leaks -> labelling
-> folder_writer (image_writer, card, shards). inspection shows a folder, phantom generates one.
"""
