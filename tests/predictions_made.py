"""Predictions for tests, of a model that does not exist."""

import dataclasses

import numpy as np

from simclr_med.evaluation.predictions import Predictions


def fake(cases=60, classes=5, task="multiclass", seed=0, skill=1.0, patients=None, **changes):
    """Predictions with some skill, coarse enough in their scores to hold ties."""
    random = np.random.default_rng(seed)
    if task == "multiclass":
        truth = np.eye(classes, dtype=np.float32)[random.integers(classes, size=cases)]
    else:
        truth = random.choice([0, 1, np.nan], (cases, classes), p=[0.5, 0.3, 0.2])
    scores = skill * np.nan_to_num(truth) + random.normal(size=(cases, classes))
    probabilities = np.round(1 / (1 + np.exp(-scores)), 1)
    if task == "multiclass":  # rows sum to 1; within a row, equal scores stay equal
        probabilities = (probabilities + 0.1) / (probabilities + 0.1).sum(1, keepdims=True)
    ids = np.arange(cases)
    predictions = Predictions(
        case_ids=np.array([f"c{i}" for i in ids]),
        patient_ids=np.array([f"p{i}" for i in ids % (patients or cases)]),
        truth=truth.astype(np.float32),
        probabilities=probabilities.astype(np.float32),
        classes=tuple(f"k{k}" for k in range(classes)),
        task=task,
    )
    return dataclasses.replace(predictions, **changes)


def two_diagnoses():
    """Four cases of A, A and B twice, B, of a model that says A always."""
    truth = np.array([[1, 0], [1, 1], [1, 1], [0, 1]], np.float32)
    says_a = np.array([[0.9, 0.1]] * 4, np.float32)
    made = fake(4, 2, truth=truth, probabilities=says_a)
    return dataclasses.replace(made, classes=("A", "B"))
