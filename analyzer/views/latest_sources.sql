-- How each source stands: its last row.
SELECT s.*
FROM sources s
JOIN (
  SELECT feeds, operation, parameters, max(snapshot) AS snapshot FROM sources GROUP BY feeds, operation, parameters
) last
  ON s.feeds = last.feeds AND s.operation = last.operation AND s.parameters = last.parameters AND s.snapshot = last.snapshot
