#include "engine/cli/documents.hpp"

#include <utility>

#include "engine/cli/standard_output.hpp"

namespace trilock::cli {

JsonObject versioned_document() {
  JsonObject document;
  document.set("version", 1);
  return document;
}

void print_document(JsonObject document) {
  write_json_out(Json(std::move(document)), 2);
}

JsonArray to_json(const std::vector<FieldChange>& changes) {
  JsonArray array;
  for (const FieldChange& change : changes) {
    JsonObject object;
    object.set("field", change.field);
    object.set("was", change.added ? Json(nullptr) : Json(change.was));
    object.set("now", change.removed ? Json(nullptr) : Json(change.now));
    array.emplace_back(std::move(object));
  }
  return array;
}

}  // namespace trilock::cli
