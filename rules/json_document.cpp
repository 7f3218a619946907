#include "rules/json_document.hpp"

#include <algorithm>
#include <cmath>

namespace trilock {
namespace {

// The inside of a JSON string.
std::string escaped(std::string_view text) {
  const auto quoted = write_json(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

class Writer {
 public:
  explicit Writer(unsigned indent) : indent_(indent) {}

  void value(const Document& document) {
    if (const auto* scalar = std::get_if<DocumentScalar>(&document.data)) out_.literal += scalar->json;
    if (const auto* string = std::get_if<Text>(&document.data)) text(*string);
    if (const auto* array = std::get_if<DocumentArray>(&document.data)) {
      list('[', ']', array->items, [this](const Document& item) { value(item); });
    }
    if (const auto* object = document.object()) {
      list('{', '}', object->members, [this](const DocumentMember& member) {
        out_.literal += write_json(Json(member.key)) + (indent_ > 0 ? ": " : ":");
        value(member.value);
      });
    }
  }

  Text take() { return std::move(out_); }

 private:
  template <class Items, class Write>
  void list(char open, char close, const Items& items, const Write& write) {
    out_.literal += open;
    ++depth_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_.literal += ',';
      first = false;
      line();
      write(item);
    }
    --depth_;
    if (!first) line();
    out_.literal += close;
  }

  void line() {
    if (indent_ > 0) out_.literal += '\n' + std::string(depth_ * indent_, ' ');
  }

  // References keep their order while what stands between them is escaped.
  void text(const Text& text) {
    out_.literal += '"';
    std::size_t done = 0;
    for (Reference reference : text.references) {
      out_.literal += escaped(std::string_view(text.literal).substr(done, reference.offset - done));
      done = reference.offset;
      reference.offset = out_.literal.size();
      out_.references.push_back(std::move(reference));
    }
    out_.literal += escaped(std::string_view(text.literal).substr(done)) + '"';
  }

  Text out_;
  unsigned indent_;
  std::size_t depth_ = 0;
};

Document scalar(const Json& value) {
  return {DocumentScalar{write_json(value)}};
}

}  // namespace

const Document* DocumentObject::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

Document* DocumentObject::find(std::string_view key) {
  return const_cast<Document*>(std::as_const(*this).find(key));  // NOLINT: this object is not const
}

Document document_of(const ConfigTable& table) {
  DocumentObject members;
  for (const ConfigEntry& entry : table.entries) members.members.push_back({entry.key, document_of(entry.value)});
  return {std::move(members)};
}

Document document_of(const Config& value) {
  if (const auto* text = value.text()) return {*text};
  if (const auto* table = value.table()) return document_of(*table);
  if (const auto* array = value.array()) {
    DocumentArray items;
    for (const Config& item : *array) items.items.push_back(document_of(item));
    return {std::move(items)};
  }
  if (const auto* flag = std::get_if<bool>(&value.data)) return scalar(Json(*flag));
  if (const auto* integer = std::get_if<std::int64_t>(&value.data)) return scalar(Json(*integer));
  if (const auto* number = std::get_if<double>(&value.data)) {
    if (std::isfinite(*number)) return scalar(Json(*number));
    return scalar(Json(std::isnan(*number) ? "nan" : *number > 0 ? "inf" : "-inf"));
  }
  return scalar(Json(std::get<Datetime>(value.data).written));
}

Document document_of(Text text) {
  return {std::move(text)};
}

Text write_document(const Document& document, unsigned indent) {
  Writer writer(indent);
  writer.value(document);
  return writer.take();
}

std::string fill_document(const Text& written, std::string_view dir, ResolveContext& context) {
  std::vector<std::string> values;
  for (Reference reference : written.references) {
    reference.offset = 0;
    values.push_back(escaped(context.fill(Text{{}, {reference}}, dir)));
  }
  return fill(written, values);
}

}  // namespace trilock
