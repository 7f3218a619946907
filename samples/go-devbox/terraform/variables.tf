variable "image_hash" {
  description = "Digest of the image that the machine runs. The pipeline fills it in."
  type        = string
}

variable "instance_type" {
  description = "Size of the machine."
  type        = string
  default     = "t3.small"
}

variable "ssh_public_key" {
  description = "Key that may log in, in the form of ~/.ssh/authorized_keys."
  type        = string
}

variable "role_name" {
  description = "Role that the machine takes on."
  type        = string
  default     = "devbox"
}
