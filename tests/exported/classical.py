"""Make the fixtures of scikit-learn's classifiers anew: ``python -m tests.exported.classical``.

It writes each model by skl2onnx, and ``classical.json``: labels and scores by onnxruntime.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

SAMPLES = 12
_FOLDER = Path(__file__).parent / "models"


def main() -> None:
    """Write all files."""
    random = np.random.default_rng(0)
    x = random.standard_normal((60, 4)).astype(np.float32)
    labels = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 1)
    models = {
        "forest": (RandomForestClassifier(4, max_depth=4, random_state=0), labels),
        "forest_of_two_classes": (RandomForestClassifier(4, max_depth=3, random_state=0), labels > 0),
        "boosting_of_two_classes": (GradientBoostingClassifier(n_estimators=4, max_depth=2), labels > 0),
        "support_vectors": (SVC(), labels),
        "neighbours": (KNeighborsClassifier(3), labels),
        "bayes": (GaussianNB(), labels),
    }
    tested = random.standard_normal((SAMPLES, 4)).astype(np.float32)
    answers = {"x": tested.tolist()}
    for name, (model, wanted) in models.items():
        model.fit(x, wanted.astype(int))
        proto = to_onnx(model, x[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
        path = _FOLDER / f"sklearn_{name}.onnx"
        path.write_bytes(proto.SerializeToString())
        label, scores = onnxruntime.InferenceSession(str(path)).run(None, {"X": tested})
        answers[name] = {"label": label.tolist(), "scores": scores.astype(float).round(6).tolist()}
    (_FOLDER.parent / "classical.json").write_text(json.dumps(answers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
