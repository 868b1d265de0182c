"""Images become features: ResNets, BiT, their heads, and where weights come from and go to.

May import: config, and what all packages share.

    features = build_encoder("resnet50")(images)  # [B, H, W, 3] in [0, 1] -> [B, D]
"""
