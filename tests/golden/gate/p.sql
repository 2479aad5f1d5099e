CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t (CONSTRAINT short EXPECT (id < 1000) ON VIOLATION ${FAIL}) AS SELECT * FROM STREAM s;
CREATE MODEL m TRANSFORM (OneHotEncoder(origin)) PREDICT loading_time USING LinearRegression(regParam = 0.1)
  HOLDOUT LAST 20 PERCENT BY left_at GATE (${GATE}) AS SELECT * EXCLUDE (id) FROM t;
