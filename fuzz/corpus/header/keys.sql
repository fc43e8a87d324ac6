-- id = "a.b"
-- id = "a.b"
-- zzz = 1
SELECT 1
