#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scikit-learn's cross_val_score of a whole Pipeline says of data.csv, fold by fold.

    make_splits.py        reads data.csv (of make_reference.py) and writes splits.json, both beside itself

Needs scikit-learn. Every stage is fitted on the rows that a fold trains on, as scikit-learn and Spark do it. A case
is a TRANSFORM clause, the columns of its SELECT, the estimator, and the metric of each fold. Beside it: what comes out
when the stages have been fitted once on all rows, which is the mistake that must be noticed.

scikit-learn's TargetEncoder encodes its own training rows by an inner cross-validation; Spark's, as ours, by the means
themselves: Plain does that. Its smooth = m is Spark's smoothing.
"""
import csv
import json
import pathlib

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler, TargetEncoder

HERE = pathlib.Path(__file__).parent
FOLDS = 3


class Plain(TargetEncoder):
    def fit_transform(self, X, y, **params):
        return self.fit(X, y).transform(X)


def main():
    rows = list(csv.DictReader((HERE / "data.csv").open()))
    numbers = {n: np.array([float(r[n]) if r[n] else np.nan for r in rows]) for n in ("a", "b", "c", "d", "e", "y")}
    # a category of few rows each, as zip codes and ids are
    code = np.array([f"{int(round(1000 * v)) % 701}" for v in numbers["a"]], dtype=object)
    cat = np.array([r["cat"] for r in rows], dtype=object)
    fold = np.array([int(float(r["fold"])) for r in rows])
    y = numbers["y"]
    late = (y > np.median(y)).astype(int)
    wide = np.column_stack([numbers[n] for n in "abcd"])
    some = wide.copy()
    some[(np.arange(len(y)) % 7) == 3, 1] = np.nan
    cases = []

    def case(name, transforms, select, using, metric, stages, estimator, X, target, scoring, sign, tolerance):
        split = PredefinedSplit(fold)
        folds = sign * cross_val_score(make_pipeline(*stages, estimator), X, target, cv=split, scoring=scoring)
        once = make_pipeline(*stages).fit(X, target).transform(X)
        leaked = sign * cross_val_score(estimator, once, target, cv=split, scoring=scoring)
        cases.append(dict(name=name, transforms=transforms, select=select, using=using, metric=metric,
                          folds=list(folds), leaked=list(leaked), tolerance=tolerance))
        print(f"{name}: {folds} fitted once: {leaked}", flush=True)

    def encoder(kind, smooth):
        return ColumnTransformer([("code", Plain(target_type=kind, smooth=smooth), [0])], remainder="passthrough")

    coded = np.column_stack([code, numbers["c"]]).astype(object)
    code_sql = "(CAST(round(1000 * a) AS BIGINT) % 701)::VARCHAR AS code"
    rmse = ("neg_root_mean_squared_error", -1, 1e-9)
    for smooth in (0.0, 10.0):
        case(f"TargetEncoder {smooth}", f"TargetEncoder(code, targetType = 'continuous', smoothing = {smooth}, handleInvalid = 'keep')",
             f"{code_sql}, c, y", "LinearRegression()", "rmse", [encoder("continuous", smooth)], LinearRegression(),
             coded, y, *rmse)
    case("TargetEncoder of classes", "TargetEncoder(code, smoothing = 5, handleInvalid = 'keep')",
         f"{code_sql}, c, y > (SELECT median(y) FROM data) AS y", "LogisticRegression()", "areaUnderROC",
         [encoder("binary", 5.0)], LogisticRegression(C=np.inf, tol=1e-10, max_iter=10000), coded, late, "roc_auc", 1,
         1e-4)
    case("StandardScaler, PCA", "StandardScaler(a, b, c, d, withMean = true), PCA(a, b, c, d, k = 2)", "a, b, c, d, y",
         "LinearRegression()", "rmse", [StandardScaler(), PCA(2)], LinearRegression(), wide, y, *rmse)
    case("PCA", "PCA(a, b, c, d, k = 1)", "a, b, c, d, y", "LinearRegression()", "mae", [PCA(1)], LinearRegression(),
         wide, y, "neg_mean_absolute_error", -1, 1e-9)
    spreads = sorted(np.var(wide[fold != k, 0], ddof=1) for k in range(FOLDS))
    spread = (spreads[0] + spreads[1]) / 2  # one of the folds has column a no more, and the model none of b and d
    case("VarianceThresholdSelector", f"VarianceThresholdSelector(a, b, c, d, varianceThreshold = {spread:.9g})",
         "a, b, c, d, y", "LinearRegression()", "rmse", [VarianceThreshold(float(f"{spread:.9g}"))], LinearRegression(),
         wide, y, *rmse)
    case("RobustScaler, ridge", "RobustScaler(a, b, c, d, withCentering = true)", "a, b, c, d, y",
         "LinearRegression(compat = 'sklearn', regParam = 300)", "r2", [RobustScaler()], Ridge(300), wide, y, "r2", 1,
         1e-9)
    case("Imputer median", "Imputer(b, strategy = 'median')",
         "a, CASE WHEN row % 7 <> 3 THEN b END AS b, c, d, y", "LinearRegression()", "rmse",
         [SimpleImputer(strategy="median")], LinearRegression(), some, y, *rmse)
    case("Imputer mode", "Imputer(d, strategy = 'mode')",
         "a, b, c, CASE WHEN row % 7 <> 3 THEN d END AS d, y", "LinearRegression()", "rmse",
         [SimpleImputer(strategy="most_frequent")], LinearRegression(),
         np.where((np.arange(len(y)) % 7 == 3)[:, None] & (np.arange(4) == 3), np.nan, wide), y, *rmse)
    text = json.dumps(dict(folds=FOLDS, cases=cases), indent=1) + "\n"
    (HERE / "splits.json").write_text(text)


if __name__ == "__main__":
    main()
