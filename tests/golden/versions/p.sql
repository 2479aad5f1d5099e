CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE TABLE airports AS SELECT * FROM (VALUES ('EWR', 3), ('JFK', 4), ('LGA', 2)) AS a(origin, runways);
CREATE VIEW rich AS SELECT t.*, runways FROM t JOIN airports USING (origin);
CREATE MODEL m
  TRANSFORM (OneHotEncoder(origin))
  PREDICT loading_time USING LinearRegression(regParam = GRID(0, 0.1))
  HOLDOUT LAST 20 PERCENT BY left_at
  GATE (${GATE})
AS SELECT * EXCLUDE (id ${MORE}) FROM rich;
