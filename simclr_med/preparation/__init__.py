"""What people have on disk becomes a data set folder: public sources, tables, DICOM, shards.

May import: data, views, config, and what all packages share.

    prepare(Settings(source="folders", input="my_images", output="my_data"))
"""
