"""Image files as they lie on disk: checked, judged, compared, and rewritten for training.

    seen = files_decoded(root, names, judge_for_training, plain_image)  # checks
    content, suffix = rewrite(path, shortest_side=256)

depth says how many bits a sample has; near_duplicates finds those that look nearly the same.
"""
