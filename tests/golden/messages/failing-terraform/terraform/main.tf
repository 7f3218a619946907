variable "size" {
  type = string
}

resource "terraform_data" "machine" {
  input = var.size
}

output "id" {
  value = terraform_data.machine.id
}
