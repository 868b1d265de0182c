"""A trained head for other processes: SavedModels.

May import: training, and what training may.

    export.run(for_existing_run("export", "work/probe", {}))
"""
