"""An image becomes a view: decoding, crops, recipes of KerasCV layers.

May import: config, and what all packages share.

    views = ChangeView(Recipe.named("full", 224))(crops, draws)
"""
