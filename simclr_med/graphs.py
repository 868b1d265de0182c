"""TensorFlow's graphs of Python functions as they are written, without AutoGraph.

AutoGraph would rewrite some 270 functions of ours and of Keras before the first step, so that an
`if` of theirs may ask a tensor. Ours say `tf.cond`: a second or more of each run was for nothing
(docs/speed.md). A graph in which an `if` does ask a tensor raises where it is built; those of
KerasCV's layers may (views/keras_cv_layers.py).
"""

import functools

import tensorflow as tf

# For functions that are written for graphs. It asks for AutoGraph anew wherever it is called.
function = functools.partial(tf.function, autograph=False)

# What tf.data traces while a function with this decorator runs, in whatever module.
as_written = tf.autograph.experimental.do_not_convert
