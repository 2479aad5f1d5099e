-- Stages that read the label, a clock, several columns and hashes, behind one model.
CREATE MODEL m
  TRANSFORM (OutlierFilter(loading_time, method = 'iqr', k = 3),
             CyclicEncoder(left_at, period = 'hour_of_day'),
             TargetEncoder(origin, targetType = 'continuous', smoothing = 10, handleInvalid = 'keep'),
             QuantileDiscretizer(distance, numBuckets = 4), OneHotEncoder(distance),
             FeatureHasher(gate, far, numFeatures = 16),
             PCA(x, y, z, k = 2), VarianceThresholdSelector(constant, origin))
  PREDICT loading_time
  USING LinearRegression(regParam = GRID(0, 0.1))
  HOLDOUT LAST 20 PERCENT BY left_at
AS SELECT left_at, origin, distance, origin || id % 3 AS gate, distance > 1000 AS far, id % 7 AS x, id % 11 AS y, id % 13 AS z,
          1 AS constant, loading_time FROM read_csv('rows.csv', nullstr = '');
