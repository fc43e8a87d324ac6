-- id = "evidence.log-delivery"
-- title = "The log drivers of the release do not drop lines"
-- level = "advise"
-- owner = "service"
-- requires = ["task_definitions"]
-- conclusive = "fail"
-- advice = "In non-blocking mode a full buffer drops lines without a trace: a line that is not there proves nothing. Set mode = blocking in the container's log configuration, or raise max-buffer-size; to make this gate, set level = block for this check."
-- #
-- # `containerDefinitions[].logConfiguration.options.mode` of the judged task definition. An expected line that is
-- # missing from such a container is unknown, and not a failure. Where no mode is given the account's default
-- # holds (defaultLogDriverMode), which casefile does not read.

SELECT
  concat('container ', c.container) AS resource,
  CASE WHEN coalesce(c.log_mode, '') = 'non-blocking' THEN 'fail' ELSE 'pass' END AS status,
  CASE
    WHEN c.log_mode = 'non-blocking' THEN 'its log driver is non-blocking: it may drop lines'
    ELSE concat('its log driver''s mode is ', coalesce(c.log_mode, 'not given'))
  END AS reason,
  coalesce(c.log_mode, 'not given') AS observed,
  'blocking' AS expected,
  c.log_driver
FROM container_definitions c
JOIN target t ON c.task_definition = t.task_definition
WHERE c.log_driver IS NOT NULL
