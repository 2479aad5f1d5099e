CREATE MODEL congestion
  TRANSFORM (OutlierFilter(loading_time, method = 'iqr', k = 3), Bucketizer(distance, splits = [-inf, 0, 1e-3, inf]), Imputer)
  PREDICT loading_time
  USING LinearRegression(regParam = GRID(0, 0.01, 1e-1), elasticNetParam = (0, 1), fitIntercept = true, x = NULL)
  VALIDATE CrossValidator(numFolds = 3, metricName = 'rmse', seed = -7)
  HOLDOUT LAST 30 DAYS BY sched_dep
  GATE (rmse <= 20, improvement >= 1 PERCENT OF champion CONFIDENCE 0.9, FIRST RUN r2 > -0.1)
AS SELECT * EXCLUDE (flight) FROM clean_departures
