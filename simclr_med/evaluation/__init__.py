"""Predictions become numbers and pages: metrics, intervals, comparisons, the report.

May import: config, and what all packages share; never TensorFlow.

    scores = bootstrap.evaluate(predictions.read("predictions/test.csv"), replicates=1000)
"""
