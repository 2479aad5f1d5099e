CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE MODEL m TRANSFORM (${TRANSFORM}) PREDICT loading_time USING LinearRegression(regParam = 0.1)
  HOLDOUT LAST 20 PERCENT BY left_at
  GATE (${GATE})
  AS SELECT left_at, ${COLUMNS} FROM t WHERE ${WHERE};
