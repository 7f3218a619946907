// The names of secrets in a pipeline that may have errors: known before anything is said of it.
#pragma once

#include <string>
#include <vector>

#include "schemas/config.hpp"

namespace trilock {

struct SecretNames {
  std::vector<std::string> names;
  std::vector<std::string> patterns;  // of strings with references: `*` stands for each
};

// Adds what stands under `secret-env` anywhere below the table, whatever its form.
void add_secret_names(const ConfigTable& table, SecretNames& found);

}  // namespace trilock
