-- id = "a
-- title = "t"
SELECT 1
