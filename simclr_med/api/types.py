"""Types of the verbs' keyword arguments, for type checkers and editors.

Written by tools/write_api_types.py from the settings in config/sections; not to be edited.
"""

import os
from collections.abc import Iterable
from typing import TypedDict

Texts = str | Iterable[str]


class Pretrain(TypedDict, total=False):
    """Keyword arguments of `simclr_med.pretrain`."""

    cases: str
    splits: Texts
    positives: str
    threads: int
    data_service: str
    cache: str
    cache_gib: float
    skip_bad_images: int
    image_size: int
    augmentation: str
    color_strength: float
    crop_min_area: float
    rotation: float
    brightness: float
    contrast: float
    contrast_reading: str
    extra_layers: str
    augment_on: str
    window: float
    eval_crop: float
    encoder: str
    width: float
    bn_momentum: float
    resnet_d: bool
    selective_kernels: bool
    zero_init: bool
    projection_layers: int
    projection_dim: int
    temperature: float
    init: str | os.PathLike
    optimizer: str
    learning_rate: float
    learning_rate_scaling: str
    momentum: float
    weight_decay: float
    trust_coefficient: float
    schedule: str
    warmup_fraction: float
    batch_size: int
    steps: int
    save_every: int
    keep_checkpoints: int
    log_every: int
    gradient_checkpointing: str
    micro_batch: int
    bn_statistics: str
    precision: str
    jit_compile: bool
    strategy: str
    use_tpu: bool
    tpu: str
    tpu_zone: str
    gcp_project: str
    cpu_devices: int
    tf32: bool
    monitor: str
    monitor_every: int
    profile_steps: str


class LinearProbe(TypedDict, total=False):
    """Keyword arguments of `simclr_med.linear_probe`."""

    cases: str
    splits: Texts
    label_fraction: float
    label_seed: int
    features_dir: str | os.PathLike
    features_gib: float
    threads: int
    image_size: int
    eval_crop: float
    encoder: str
    width: float
    resnet_d: bool
    selective_kernels: bool
    zero_init: bool
    projection_layers: int
    projection_dim: int
    init: str | os.PathLike
    head_input: str
    bag: str
    targets: str
    label_smoothing: float
    class_weights: str
    focal_gamma: float
    solver: str
    optimizer: str
    learning_rate: float
    learning_rate_scaling: str
    momentum: float
    weight_decay: float
    trust_coefficient: float
    schedule: str
    warmup_fraction: float
    batch_size: int
    steps: int
    save_every: int
    keep_checkpoints: int
    log_every: int
    tf32: bool
    validate_every: int
    keep: str
    choose_by: str
    patience: int


class Finetune(TypedDict, total=False):
    """Keyword arguments of `simclr_med.finetune`."""

    cases: str
    splits: Texts
    label_fraction: float
    label_seed: int
    threads: int
    data_service: str
    cache: str
    cache_gib: float
    skip_bad_images: int
    image_size: int
    augmentation: str
    color_strength: float
    crop_min_area: float
    rotation: float
    brightness: float
    contrast: float
    contrast_reading: str
    extra_layers: str
    augment_on: str
    window: float
    eval_crop: float
    encoder: str
    width: float
    bn_momentum: float
    resnet_d: bool
    selective_kernels: bool
    zero_init: bool
    projection_layers: int
    projection_dim: int
    init: str | os.PathLike
    head_input: str
    head_init: str
    bag: str
    bag_images: int
    targets: str
    label_smoothing: float
    class_weights: str
    focal_gamma: float
    optimizer: str
    learning_rate: float
    learning_rate_scaling: str
    head_rate: float
    layer_decay: float
    momentum: float
    weight_decay: float
    trust_coefficient: float
    schedule: str
    warmup_fraction: float
    batch_size: int
    steps: int
    save_every: int
    keep_checkpoints: int
    log_every: int
    gradient_checkpointing: str
    micro_batch: int
    bn_statistics: str
    precision: str
    weight_averaging: str
    ema_decay: float
    swa_start: float
    jit_compile: bool
    strategy: str
    use_tpu: bool
    tpu: str
    tpu_zone: str
    gcp_project: str
    cpu_devices: int
    tf32: bool
    validate_every: int
    keep: str
    choose_by: str
    patience: int
    profile_steps: str


class Sweep(TypedDict, total=False):
    """Keyword arguments of `simclr_med.sweep`."""

    cases: str
    splits: Texts
    label_seed: int
    features_dir: str | os.PathLike
    features_gib: float
    threads: int
    data_service: str
    cache: str
    cache_gib: float
    skip_bad_images: int
    image_size: int
    augmentation: str
    color_strength: float
    crop_min_area: float
    rotation: float
    brightness: float
    contrast: float
    contrast_reading: str
    extra_layers: str
    augment_on: str
    window: float
    eval_crop: float
    encoder: str
    width: float
    bn_momentum: float
    resnet_d: bool
    selective_kernels: bool
    zero_init: bool
    projection_layers: int
    projection_dim: int
    init: str | os.PathLike
    head_input: str
    head_init: str
    bag: str
    bag_images: int
    targets: str
    label_smoothing: float
    class_weights: str
    focal_gamma: float
    solver: str
    optimizer: str
    learning_rate_scaling: str
    head_rate: float
    layer_decay: float
    momentum: float
    trust_coefficient: float
    schedule: str
    warmup_fraction: float
    batch_size: int
    steps: int
    save_every: int
    keep_checkpoints: int
    log_every: int
    gradient_checkpointing: str
    micro_batch: int
    bn_statistics: str
    precision: str
    weight_averaging: str
    ema_decay: float
    swa_start: float
    jit_compile: bool
    strategy: str
    use_tpu: bool
    tpu: str
    tpu_zone: str
    gcp_project: str
    cpu_devices: int
    tf32: bool
    validate_every: int
    keep: str
    choose_by: str
    patience: int
    profile_steps: str
    head: str
    learning_rates: Texts
    weight_decays: Texts
    label_fractions: Texts
    halving: int
    seeds: int
    eval_splits: Texts
    allow_seen: bool
    eval_batch: int
    bootstrap_replicates: int
    confidence: float
    bootstrap_unit: str
    bootstrap_interval: str


class Evaluate(TypedDict, total=False):
    """Keyword arguments of `simclr_med.evaluate`."""

    tf32: bool
    eval_splits: Texts
    allow_seen: bool
    eval_batch: int
    bootstrap_replicates: int
    confidence: float
    bootstrap_unit: str
    bootstrap_interval: str
    gradcam: int


class Predict(TypedDict, total=False):
    """Keyword arguments of `simclr_med.predict`."""

    threads: int
    tf32: bool
    eval_batch: int
    image_column: str
    dicom_ids: str
    salt: str
    nearest: int
    gradcam: int


class Embed(TypedDict, total=False):
    """Keyword arguments of `simclr_med.embed`."""

    threads: int
    tf32: bool
    eval_batch: int
    image_column: str
    dicom_ids: str
    salt: str
    features_format: str


class Export(TypedDict, total=False):
    """Keyword arguments of `simclr_med.export`."""

    tf32: bool
    export_format: str
    export_version: int


class Report(TypedDict, total=False):
    """Keyword arguments of `simclr_med.report`."""

    bootstrap_replicates: int
    confidence: float
    bootstrap_unit: str
    bootstrap_interval: str
    title: str
    baseline: str
    format: Texts
    margin: float
    errors_shown: int
