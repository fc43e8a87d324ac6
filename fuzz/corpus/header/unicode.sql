-- id = "é.ü"
-- title = "\u0000\uFFFF"
-- 
SELECT '😀'
