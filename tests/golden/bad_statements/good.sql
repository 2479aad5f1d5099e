CREATE SOURCE s (id BIGINT, left_at TIMESTAMP, origin VARCHAR, distance DOUBLE,
  WATERMARK FOR left_at AS left_at - INTERVAL 1 HOUR) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
