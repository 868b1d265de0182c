"""Predictions and features for the images of a folder or table: --mode=predict, --mode=embed.

    run.run(make_config("predict", {"model": "work/probe", "images": "new_images", ...}))

`listing` finds the images, `models` asks a run or an export, `parts` keeps the answers so that a
killed run goes on, `tables` writes them.
"""
