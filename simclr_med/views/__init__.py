"""An image becomes a view: decoding, crops, what changes in colour and blur, KerasCV's layers.

May import: config, and what all packages share.

    views = ChangeView(Recipe.named("full", 224))(crops, draws)
"""
