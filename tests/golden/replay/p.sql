CREATE SOURCE s (id BIGINT, v DOUBLE) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
CREATE STREAMING TABLE t (CONSTRAINT small EXPECT (v < 2) ON VIOLATION DEAD LETTER) AS SELECT id, v FROM STREAM s;
CREATE SINK kept WITH (connector = 'file', path = 'kept.ndjson') ENCODE JSON AS SELECT id, v FROM STREAM t;
CREATE SINK all_of_it WITH (connector = 'file', path = 'all.ndjson') ENCODE JSON AS SELECT id FROM STREAM s;
