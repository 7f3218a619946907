# A new image is a new machine: `triggers_replace` replaces the instance when the digest changes. Everything else is
# changed in place.
resource "terraform_data" "instance" {
  triggers_replace = {
    image_hash = var.image_hash
  }

  input = {
    instance_type  = var.instance_type
    ssh_public_key = var.ssh_public_key
    role_name      = var.role_name
  }
}

output "instance_id" {
  value = terraform_data.instance.id
}

output "image_hash" {
  value = terraform_data.instance.triggers_replace.image_hash
}
