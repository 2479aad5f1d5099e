CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE MODEL base PREDICT loading_time USING LinearRegression(regParam = ${REG}) AS SELECT distance, loading_time FROM t;
CREATE MODEL direct PREDICT loading_time USING LinearRegression
AS SELECT predict('base@champion', t) AS expected, id, loading_time FROM t;
CREATE VIEW expected AS SELECT predict('base', t) AS expected, id, loading_time FROM t;
CREATE MODEL viewed PREDICT loading_time USING LinearRegression AS SELECT * FROM expected;
