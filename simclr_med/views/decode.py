"""An image's bytes and pixels, from a file of its own or a part of a shard, as TensorFlow ops."""

import re

import tensorflow as tf

from simclr_med.views.places import IN_SHARD


def read(path):
    """Return the image at `path`, a string scalar as in `Cases.paths`: uint8 `[H, W, 3]`."""
    return decode(content(path))


def content(path):
    """Return the encoded image at `path`, a string scalar as in `Cases.paths`: a string scalar."""
    in_shard = tf.strings.regex_full_match(path, IN_SHARD)
    return tf.cond(in_shard, lambda: _part(path), lambda: tf.io.read_file(path))


def reader(paths):
    """Return a function as `content` for a data set's paths: all files, or all parts of shards."""
    return _part if re.fullmatch(IN_SHARD, str(paths[0])) else tf.io.read_file


def _part(path):
    """A part of a file: of TensorFlow's ops this data set alone reads from a given place."""
    file, *numbers = (tf.strings.regex_replace(path, IN_SHARD, rf"\{i}") for i in range(1, 5))
    offset, length, size = (tf.strings.to_number(text, tf.int64) for text in numbers)
    footer = size - offset - length
    part = tf.data.FixedLengthRecordDataset(file, length, header_bytes=offset, footer_bytes=footer)
    return part.get_single_element()


def decode(content):
    """Return JPEG, PNG, GIF or BMP bytes, a string scalar, as uint8 `[H, W, 3]`.

    Of a GIF it is the first frame.
    """
    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])
