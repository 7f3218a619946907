# The machine that runs the image. `terraform_data` is built into Terraform, so this plans and applies without a cloud,
# a provider or the internet; put a real instance into modules/devbox-go and nothing else changes.
terraform {
  required_version = ">= 1.4"
}

module "devbox" {
  source = "./modules/devbox-go"

  image_hash     = var.image_hash
  instance_type  = var.instance_type
  ssh_public_key = var.ssh_public_key
  role_name      = var.role_name
}

output "instance_id" {
  value = module.devbox.instance_id
}

# Read back from the state, not from the variable: this is what runs, not what was asked for.
output "image_hash" {
  value = module.devbox.image_hash
}
