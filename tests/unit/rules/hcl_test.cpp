// Expectations come from the HCL Native Syntax Specification and from what terraform 1.11 makes of the same text.
#include "rules/terraform/hcl.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace trilock;

namespace {

// "type label… { name=expression … block… }", with the expression's tokens joined.
std::string show(const HclDocument& document, const HclBody& body) {
  std::string out;
  for (const auto& attribute : body.attributes) {
    out += attribute.name + "=";
    for (auto i = attribute.expression.first; i < attribute.expression.last; ++i) out += document.tokens[i].text;
    out += ";";
  }
  for (const auto& block : body.blocks) {
    out += block.type;
    for (const auto& label : block.labels) out += " " + label;
    out += "{" + show(document, block.body) + "}";
  }
  return out;
}

std::string shape(std::string_view text) {
  const auto document = parse_hcl(text);
  return show(document, document.body);
}

std::string call(std::string_view expression) {
  std::string out;
  const auto tokens = tokenize_hcl(expression);
  for (const auto& found : find_file_calls(tokens)) {
    if (!out.empty()) out += ' ';
    out += found.function + ":";
    if (!found.is_literal) {
      out += "?";
      continue;
    }
    out += found.base == HclPathBase::module ? "module" : found.base == HclPathBase::root ? "root" : "cwd";
    out += ":" + found.path;
    if (!found.pattern.empty()) out += ":" + found.pattern;
  }
  return out;
}

std::optional<std::string> value(std::string_view text) {
  const auto document = parse_hcl(text);
  REQUIRE(!document.body.attributes.empty());
  return literal_string(document.tokens, document.body.attributes[0].expression);
}

}  // namespace

TEST_CASE("blocks, labels and attributes") {
  CHECK(shape("") == "");
  CHECK(shape("a = 1") == "a=1;");
  CHECK(shape("module \"m\" {\n  source = \"./m\"\n}\n") == "module m{source=\"./m\";}");
  CHECK(shape("resource \"t\" x { a = 1 }\nb {}\n") == "resource t x{a=1;}b{}");
  CHECK(shape("terraform {\n backend \"s3\" {\n  key = \"k\"\n }\n}\n") == "terraform{backend s3{key=\"k\";}}");
  CHECK(shape("\xEF\xBB\xBF"
              "a = 1\r\nb = 2\r\n") == "a=1;b=2;");
}

TEST_CASE("an attribute ends with its line unless a bracket is open") {
  CHECK(shape("a = [\n 1,\n 2\n]\nb = f(\n x\n)\nc = { d = 1\n e = 2 }\n") == "a=[\n1,\n2\n];b=f(\nx\n);c={d=1\ne=2};");
  CHECK(shape("a = b == c\nd = 1\n") == "a=b==c;d=1;");
  CHECK(shape("x { a = { b = 1 } }\ny {}") == "x{a={b=1};}y{}");
}

TEST_CASE("comments are no code") {
  CHECK(shape("# a = 1\n// b = 2\n/* c = 3\n d = 4 */ e = 5 # f\ng = 6 // h {\n") == "e=5;g=6;");
  CHECK(shape("a = \"# no comment // nor this /* or this\"\nb = 1\n") ==
        "a=\"# no comment // nor this /* or this\";b=1;");
  CHECK(shape("a = 1 /* never closed\nb = 2") == "a=1;");
}

TEST_CASE("templates may hold expressions that hold templates") {
  CHECK(shape("a = \"x${f(\"}\")}y}\"\nb = 1\n") == "a=\"x${f(\"}\")}y}\";b=1;");
  CHECK(shape("a = \"${ { b = \"${c}\" }[\"b\"] }\"\nm {}\n") == "a=\"${{b=\"${c}\"}[\"b\"]}\";m{}");
  CHECK(shape("a = \"%{ if x }{%{ else }}%{ endif }\"\nb = 1\n") == "a=\"%{ifx}{%{else}}%{endif}\";b=1;");
  CHECK(shape("a = \"$${not}\\\"{\"\nb = 1\n") == "a=\"$${not}\\\"{\";b=1;");
}

TEST_CASE("heredocs") {
  CHECK(shape("a = <<EOT\nmodule \"x\" {\nEOT\nb = 1\n") == "a=<<EOT\nmodule \"x\" {\nEOT;b=1;");
  CHECK(shape("a = <<-EOT\n  ${f(\"EOT\")} \"quote\n  EOT\nb = 1\n") ==
        "a=<<-EOT\n  ${f(\"EOT\")} \"quote\n  EOT;b=1;");
  // The marker counts alone on its line only.
  CHECK(shape("a = <<EOT\nEOT x\nxEOT\nEOT\nb = 1\n") == "a=<<EOT\nEOT x\nxEOT\nEOT;b=1;");
  CHECK(shape("a = <<EOT\nnever closed\n") == "a=<<EOT\nnever closed\n;");
  CHECK(shape("a = 1 << 2\nb = 1\n") == "a=1<<2;b=1;");
}

TEST_CASE("lines") {
  const auto document = parse_hcl("\n/* two\nlines */\nmodule \"a\" {}\nx = <<E\n1\n2\nE\nmodule \"b\" {}\n");
  REQUIRE(document.body.blocks.size() == 2);
  CHECK(document.body.blocks[0].line == 4);
  CHECK(document.body.attributes[0].line == 5);
  CHECK(document.body.blocks[1].line == 9);
}

TEST_CASE("literal strings") {
  CHECK(value("a = \"./m\"") == "./m");
  CHECK(value("a = \"\"") == "");
  CHECK(value("a = \"x\\ty\\n\\\"\\\\ \\u00e9\\U0001F600 $${x} %%{y}\"") == "x\ty\n\"\\ é😀 ${x} %{y}");
  CHECK(value("a = <<EOT\none\n\\two\nEOT\n") == "one\n\\two\n");
  CHECK(value("a = \"${b}\"") == std::nullopt);
  CHECK(value("a = \"x\" + \"y\"") == std::nullopt);
  CHECK(value("a = b") == std::nullopt);
}

TEST_CASE("functions that read files") {
  CHECK(call("file(\"a.txt\")") == "file:cwd:a.txt");
  CHECK(call("file(\"${path.module}/a.txt\")") == "file:module:a.txt");
  CHECK(call("filesha256(\"${path.root}/b/c\")") == "filesha256:root:b/c");
  CHECK(call("file(\"${path.cwd}/a\")") == "file:cwd:a");
  CHECK(call("templatefile(\n  \"${path.module}/t.tftpl\",\n { a = file(\"x\") })") ==
        "templatefile:module:t.tftpl file:cwd:x");
  CHECK(call("fileset(path.module, \"conf/*.json\")") == "fileset:module::conf/*.json");
  CHECK(call("fileset(\"${path.module}/conf\", \"**\")") == "fileset:module:conf:**");
  CHECK(call("\"x ${file(\"in-template\")} y\"") == "file:cwd:in-template");
  CHECK(call("<<EOT\n${filebase64(\"in-heredoc\")}\nEOT\n") == "filebase64:cwd:in-heredoc");
  CHECK(call("file(\"/etc/hosts\")") == "file:cwd:/etc/hosts");
  CHECK(call("file(var.path)") == "file:?");
  CHECK(call("file(\"${path.module}/${var.name}\")") == "file:?");
  CHECK(call("file(\"a\" + \"b\")") == "file:?");
  CHECK(call("fileset(path.module, var.pattern)") == "fileset:?");
  CHECK(call("profile(\"a\")") == "");
  CHECK(call("# file(\"a\")") == "");
  CHECK(call("\"file(\\\"a\\\")\"") == "");
}

TEST_CASE("text that is no HCL ends somewhere") {
  CHECK(shape("}}}} a = 1") == "a=1;");
  CHECK(shape("a = \"never closed\nb = 1\n") == "a=\"never closed;b=1;");
  CHECK(shape("a = \"${never closed\nb = 1\n") != "");
  CHECK(shape("module \"x\"") == "");
  CHECK(shape("a =") == "a=;");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "a {";
  CHECK(parse_hcl(deep).body.blocks.size() == 1);
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "\"${";
  CHECK(!tokenize_hcl(nested).empty());
}
