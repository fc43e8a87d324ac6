bucket = "evidence-example"

services = [
  { account = "111122223333", region = "ap-southeast-2", cluster = "production", service = "bf-manage-core", log_group = "/ecs/bf-manage-core" },
  { account = "111122223333", region = "eu-west-1", cluster = "production", service = "bf-manage-core", log_group = "/ecs/bf-manage-core" },
]

people   = ["arn:aws:iam::111122223333:role/on-call"]
auditors = ["arn:aws:iam::111122223333:role/audit"]
