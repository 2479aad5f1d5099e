CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE MODEL m TRANSFORM (OneHotEncoder(origin)) PREDICT loading_time USING LinearRegression(regParam = 0.1)
  HOLDOUT LAST 20 PERCENT BY left_at GATE (${GATE}) AS SELECT * EXCLUDE (id) FROM t;
CREATE MODEL plain PREDICT loading_time USING LinearRegression AS SELECT distance, loading_time FROM t WHERE loading_time IS NOT NULL;
CREATE JOB retrain FOR MODEL m EVERY '@yearly' OR AFTER 500 ROWS OR ON DRIFT CHECK EVERY INTERVAL 500 DAY;
