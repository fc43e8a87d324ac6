-- The service as the last snapshot that saw it saw it.
SELECT s.*
FROM services s
JOIN (SELECT service_arn, max(snapshot) AS snapshot FROM services GROUP BY service_arn) last
  ON s.service_arn = last.service_arn AND s.snapshot = last.snapshot
