// Any bytes are taken apart, to their last byte; tokens are views of the text in its order; templates and sequences
// that open also close.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/terraform/declarations.hpp"
#include "rules/terraform/hcl.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_body(const trilock::HclDocument& document, const trilock::HclBody& body) {
  for (const auto& attribute : body.attributes) {
    require(attribute.expression.first <= attribute.expression.last);
    require(attribute.expression.last < document.tokens.size());
    (void)trilock::literal_string(document.tokens, attribute.expression);
    (void)trilock::is_true(document.tokens, attribute.expression);
  }
  for (const auto& block : body.blocks) check_body(document, block.body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = trilock::parse_hcl(text);
  require(!document.tokens.empty() && document.tokens.back().kind == trilock::HclTokenKind::end);
  const char* done = text.data();
  std::size_t open = 0;
  for (const auto& token : document.tokens) {
    require(token.text.data() >= done && token.text.data() + token.text.size() <= text.data() + text.size());
    done = token.text.data() + token.text.size();
    if (token.kind == trilock::HclTokenKind::template_open) ++open;
    if (token.kind == trilock::HclTokenKind::template_close) require(open-- > 0);
  }
  require(open == 0);
  check_body(document, document.body);
  for (const bool is_json : {false, true}) {
    trilock::TerraformDeclarations declared;
    trilock::read_declarations(text, is_json, "x.tf", declared);
  }
  return 0;
}
