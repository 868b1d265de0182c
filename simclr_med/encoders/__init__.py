"""Encoders: ResNets and BiT, images to features; their heads, checkpoints, weights of others.

May import: config, and what all packages share.

    features = build_encoder("resnet50")(images)  # [B, H, W, 3] in [0, 1] -> [B, D]
"""
