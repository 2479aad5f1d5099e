CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE, loading_time DOUBLE)
  WITH (connector = 'file', path = 'data/*') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t AS SELECT * FROM STREAM s;
CREATE MODEL m
  TRANSFORM (OneHotEncoder(origin, handleInvalid = 'error'))
  PREDICT loading_time USING LinearRegression(regParam = 0.1)
  HOLDOUT LAST 20 PERCENT BY left_at
AS SELECT * EXCLUDE (id) FROM t;
CREATE MODEL slow
  TRANSFORM (OneHotEncoder(origin))
  PREDICT is_slow USING LogisticRegression(regParam = 0.01)
  HOLDOUT LAST 20 PERCENT BY left_at
AS SELECT origin, distance, left_at, CASE WHEN loading_time > 35 THEN 'slow' ELSE 'quick' END AS is_slow FROM t;

-- in the stream: NULL until there is a champion
CREATE STREAMING TABLE scored AS SELECT *, predict('m@champion', d) AS expected FROM STREAM s d;
CREATE STREAMING TABLE classed AS SELECT id, prediction, probabilities['slow'] AS p FROM ML_PREDICT(STREAM s, MODEL slow);
CREATE MATERIALIZED VIEW errors AS
  SELECT origin, count(expected) AS n, avg(abs(expected - loading_time)) AS mae FROM STREAM scored GROUP BY origin;
CREATE SINK out WITH (connector = 'file', path = 'out.ndjson') AS SELECT id, expected FROM STREAM scored;

-- carried out after the models are trained
CREATE TABLE batch AS SELECT id, predict('m', t) AS expected FROM t;
CREATE VIEW live AS SELECT * FROM ML_PREDICT(TABLE t, MODEL m@champion);
