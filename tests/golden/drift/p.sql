CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE MODEL m TRANSFORM (CyclicEncoder(left_at, period = 'hour_of_day'), OneHotEncoder(origin, handleInvalid = 'keep'))
  PREDICT loading_time USING LinearRegression(regParam = 0.1) HOLDOUT LAST 20 PERCENT BY left_at
AS SELECT * EXCLUDE (id) FROM t;
CREATE JOB retrain FOR MODEL m ON DRIFT CHECK EVERY INTERVAL 1 HOUR;
