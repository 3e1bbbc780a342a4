"""What the platform relies on: evaluate() scores every row, predict() answers as samples/response.json shows."""

import pytest

import model


def test_evaluate_scores_every_row(model_dir, holdout):
    result = model.evaluate(model_dir, holdout)
    rows = sum(len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in holdout.glob("*.csv"))
    assert len(result["labels"]) == len(result["predictions"]) == rows


def test_predict_answers_each_instance(model_dir, sample):
    request, response = sample("request.json"), sample("response.json")
    answer = model.predict(request, model_dir)
    assert len(answer["predictions"]) == len(request["instances"])
    assert answer.keys() == response.keys()


def test_a_missing_feature_is_an_error(model_dir):
    with pytest.raises(KeyError):
        model.predict({"instances": [{}]}, model_dir)
