#include "engine/cli/documents.hpp"

#include <fmt/format.h>

#include "engine/cli/standard_output.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

// Paths and values of variables are bytes; JSON is UTF-8.
void make_valid(Json& value) {
  if (auto* text = std::get_if<std::string>(&value.data); text != nullptr && find_invalid_utf8(*text))
    *text = valid_utf8(*text);
  if (auto* array = std::get_if<JsonArray>(&value.data))
    for (Json& item : *array) make_valid(item);
  if (auto* object = std::get_if<JsonObject>(&value.data))
    for (auto& [name, member] : object->members) make_valid(member);
}

}  // namespace

JsonObject versioned_document() {
  JsonObject document;
  document.set("version", 1);
  return document;
}

void print_document(JsonObject document) {
  Json whole(std::move(document));
  make_valid(whole);
  print_out("{}\n", write_json(whole, 2));
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
