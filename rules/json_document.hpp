// JSON documents whose strings may refer to values of other nodes: what a rule writes for a tool to read. A document
// is written as one Text when a node is planned, and filled when the values are known.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rules/rule.hpp"
#include "schemas/config.hpp"
#include "schemas/json.hpp"
#include "schemas/text.hpp"

namespace trilock {

struct Document;
struct DocumentMember;

struct DocumentScalar {
  std::string json;  // as it stands in the file
};
struct DocumentArray {
  std::vector<Document> items;
};
struct DocumentObject {
  std::vector<DocumentMember> members;
  [[nodiscard]] Document* find(std::string_view key);
  [[nodiscard]] const Document* find(std::string_view key) const;
};

struct Document {
  std::variant<DocumentScalar, Text, DocumentArray, DocumentObject> data;
  [[nodiscard]] DocumentObject* object() { return std::get_if<DocumentObject>(&data); }
  [[nodiscard]] const DocumentObject* object() const { return std::get_if<DocumentObject>(&data); }
};

struct DocumentMember {
  std::string key;
  Document value;
};

// Dates and times become strings; so do the floats that JSON cannot write.
[[nodiscard]] Document document_of(const Config& value);
[[nodiscard]] Document document_of(const ConfigTable& table);
[[nodiscard]] Document document_of(Text text);

// Laid out as write_json does; no final newline.
[[nodiscard]] Text write_document(const Document& document, unsigned indent);

// The written document with its references replaced by values, which are escaped as JSON strings are.
[[nodiscard]] std::string fill_document(const Text& written, std::string_view dir, ResolveContext& context);

}  // namespace trilock
