-- requires = ["tasks", 1, {}]
-- id = "a.b"
SELECT 1
