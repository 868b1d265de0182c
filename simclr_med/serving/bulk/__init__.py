"""Many images answered from their files: --mode=predict and --mode=embed.

    run.run(make_config("predict", {"model": "work/probe", "images": "new_images", ...}))

`listing` says which images there are, `models` asks a run or an export, `parts` keeps what is
answered so that a killed run goes on, `tables` writes what comes out.
"""
