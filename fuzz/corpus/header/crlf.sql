-- id = "a.b"
-- title = "t"
-- level = "block"
-- owner = "service"
-- requires = ["tasks"]
-- conclusive = "fail"
SELECT 1
