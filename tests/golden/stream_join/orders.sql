CREATE SOURCE orders (id INTEGER, placed TIMESTAMP, amount DECIMAL(8,2),
  WATERMARK FOR placed AS placed - INTERVAL 10 SECOND)
WITH (connector = 'file', path = 'data/orders*.ndjson') ENCODE JSON;

CREATE SOURCE payments (order_id INTEGER, paid TIMESTAMP, method VARCHAR,
  WATERMARK FOR paid AS paid - INTERVAL 10 SECOND)
WITH (connector = 'file', path = 'data/payments*.ndjson') ENCODE JSON;

CREATE STREAMING TABLE settled (
  CONSTRAINT paid EXPECT (method IS NOT NULL) ON VIOLATION DEAD LETTER
) AS SELECT o.id, o.amount, p.method, p.paid - o.placed AS waited
FROM STREAM orders AS o LEFT JOIN STREAM payments AS p
  ON p.order_id = o.id AND p.paid BETWEEN o.placed AND o.placed + INTERVAL 1 MINUTE;

CREATE MATERIALIZED VIEW takings AS
SELECT method, count(*) AS orders, sum(amount) AS amount FROM STREAM settled GROUP BY method;
