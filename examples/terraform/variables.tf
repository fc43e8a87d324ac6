terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  description = "The bucket of the archive."
  type        = string
}

variable "region" {
  description = "The region of the service."
  type        = string
}

variable "account" {
  description = "The account of the service."
  type        = string
}

variable "cluster" {
  description = "The service's cluster."
  type        = string
}

variable "service" {
  description = "The service."
  type        = string
}

variable "log_group" {
  description = "The log group of the service's tasks."
  type        = string
}

variable "gitlab" {
  description = "GitLab's host name."
  type        = string
  default     = "gitlab.com"
}

variable "deploying" {
  description = "The subject of the jobs that deploy and validate."
  type        = string
  default     = "project_path:example/bf-manage-core:ref_type:branch:ref:main"
}

variable "orchestrating" {
  description = "The subject of the jobs that ask before they trigger others (examples/release-train)."
  type        = string
  default     = "project_path:example/release-train:ref_type:branch:ref:main"
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
