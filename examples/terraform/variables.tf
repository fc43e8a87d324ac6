terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81" # before, an OIDC provider needed a thumbprint
    }
  }
}

variable "bucket" {
  description = "The bucket of the archive."
  type        = string
}

variable "services" {
  description = "The services that are validated: each region of each of them."
  type = list(object({
    account   = string
    region    = string
    cluster   = string
    service   = string
    log_group = string
  }))
}

variable "gitlab" {
  description = "GitLab's host name."
  type        = string
  default     = "gitlab.com"
}

variable "deploying" {
  description = "The subjects of the jobs that deploy and validate. Protect these branches and tags: whoever can run such a job has the role."
  type        = list(string)
  default = [
    "project_path:example/bf-manage-core:ref_type:branch:ref:main",
    "project_path:example/bf-manage-core:ref_type:tag:ref:v*",
  ]
}

variable "orchestrating" {
  description = "The subjects of the jobs that ask before they trigger others (examples/release-train)."
  type        = list(string)
  default     = ["project_path:example/release-train:ref_type:branch:ref:main"]
}

variable "people" {
  description = "The ARNs that may stop, lift and waive."
  type        = list(string)
}

variable "auditors" {
  description = "The ARNs that may read everything."
  type        = list(string)
}

variable "retention_days" {
  description = "How long an object of the archive can be neither changed nor removed."
  type        = number
  default     = 400
}
