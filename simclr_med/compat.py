"""What differs between the TensorFlow 2.15 stack and later ones, and nothing else."""

import warnings

NOT_ADAPTED = ["bias", "gamma", "beta"]


def lamb(learning_rate, beta_1, weight_decay):
    """LAMB (You et al. 2019) from TensorFlow Addons; biases and normalisation are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its notice that it has reached its end of life
        import tensorflow_addons as tfa
    return tfa.optimizers.LAMB(
        learning_rate,
        beta_1=beta_1,
        weight_decay=weight_decay,
        exclude_from_weight_decay=NOT_ADAPTED,
        exclude_from_layer_adaptation=NOT_ADAPTED,
    )
