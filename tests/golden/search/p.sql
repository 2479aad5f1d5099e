CREATE MODEL times
  TRANSFORM (OneHotEncoder(origin))
  PREDICT loading_time
  USING ${ESTIMATOR}
  VALIDATE ${VALIDATE}
  HOLDOUT LAST 20 PERCENT BY left_at
AS SELECT left_at, origin, distance, loading_time FROM 'rows.csv';
CREATE MODEL slow
  PREDICT slow
  USING LogisticRegression(regParam = GRID(0.001, 0.1)),
        GradientBoostedTrees(maxDepth = RANGE(2, 4), RANDOM(2, 7))
AS SELECT distance, loading_time > 40 AS slow FROM 'rows.csv';
