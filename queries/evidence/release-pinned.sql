-- id = "evidence.release-pinned"
-- title = "The release was named beforehand"
-- level = "advise"
-- owner = "shared"
-- requires = ["target"]
-- conclusive = "fail"
-- advice = "Give --expect-task-definition (or --terraform-output). Without it the newest deployment is judged, even if it is somebody else's and yours never began."
-- #
-- # Without a name the newest deployment at the first snapshot is judged. If the update had not reached ECS by
-- # then, or somebody else deployed meanwhile, that is the wrong one, and it passes.

SELECT
  concat('service ', service) AS resource,
  CASE WHEN expectation = 'pinned' THEN 'pass' ELSE 'fail' END AS status,
  CASE
    WHEN expectation = 'pinned' THEN concat('expected ', coalesce(expected_task_definition, 'a release'))
    ELSE 'no release was named: the newest deployment at the first snapshot is judged'
  END AS reason,
  window_from AS at
FROM target
