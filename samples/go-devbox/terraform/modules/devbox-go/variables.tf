variable "image_hash" {
  type = string

  validation {
    condition     = can(regex("^sha256:[0-9a-f]{64}$", var.image_hash))
    error_message = "The image must be given by digest (sha256:…), since a tag can move."
  }
}

variable "instance_type" {
  type = string
}

variable "ssh_public_key" {
  type = string
}

variable "role_name" {
  type = string
}
