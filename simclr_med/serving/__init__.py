"""Exports of trained networks, predictions for new images, a REST server, and Grad-CAM.

May import: training, and what training may.

    export.run(for_existing_run("export", "work/probe", {}))
"""
