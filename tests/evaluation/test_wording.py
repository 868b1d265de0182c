"""What is said of metrics and of their differences."""

from predictions_made import fake

from simclr_med.evaluation import bootstrap, wording


def test_statements_fall_either_way():
    better = {"difference": 0.034, "low": 0.01, "high": 0.058, "significant": True}
    worse = {"difference": -0.034, "low": -0.058, "high": -0.01, "significant": True}
    neither = {"difference": 0.034, "low": -0.01, "high": 0.058, "significant": False}
    said = "is better than B in top-1 accuracy by 0.0340 [0.0100, 0.0580]: significant"
    assert wording.statement("top1_accuracy", better, "A", "B") == f"A {said}"
    assert wording.statement("top1_accuracy", worse, "B", "A") == f"A {said}"
    assert wording.statement("auc:Acne", neither, "A", "B") == (
        "no significant difference between A and B in AUC of Acne: 0.0340 [-0.0100, 0.0580]"
    )


def test_main_metrics():
    multiclass = bootstrap.evaluate(fake(), replicates=2)
    assert wording.main_metrics(multiclass) == [
        "top1_accuracy",
        "top3_accuracy",
        "average_top1_sensitivity",
        "average_top3_sensitivity",
        "auc",
    ]
    multilabel = bootstrap.evaluate(fake(classes=2, task="multilabel"), replicates=2)
    assert wording.main_metrics(multilabel) == ["auc", "auc:k0", "auc:k1"]
