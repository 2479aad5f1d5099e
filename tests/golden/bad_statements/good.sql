CREATE SOURCE s (id BIGINT, at TIMESTAMP, origin VARCHAR, distance DOUBLE,
  WATERMARK FOR at AS at - INTERVAL 1 HOUR) WITH (connector = 'file', path = 'data/*.ndjson') FORMAT PLAIN ENCODE JSON;
