#include "engine/draft_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "schemas/utf8.hpp"

namespace trilock {
namespace {

constexpr std::string_view header =
    R"(# The first pipeline of this folder, written by `trilock init` from what it found. It is yours now.
#
# A node is a table [RULE.NAME]. `trilock run` runs every node whose inputs changed, and leaves the others alone;
# `trilock run go.test` runs one of them and what it needs. `trilock list` shows all, `trilock why NODE` says why it ran.
# A node refers to another by its values, ${image.dev.digest}, and then comes after it.
#
# Lines that begin with `#` and no blank are switched off: remove the `#` to switch them on. Everything that nodes write
# (`outputs`) and the folder .trilock belong into .gitignore. `trilock schema >pipeline.schema.json`, and the first line
# `#:schema ./pipeline.schema.json` here, make editors complete and check this file.
)";

// In a folder with nothing to build: something to begin with.
constexpr std::string_view examples = R"(
# Nothing was found that trilock knows how to build. Something to begin with:
#[command.hello]
#description = "writes a greeting"
#script = 'echo "hello" >out/hello.txt'
#outputs = ["out/hello.txt"]

# Its outputs are inputs of what refers to them.
#[command.count]
#description = "counts its letters"
#script = 'wc -c <out/hello.txt >out/count.txt'
#inputs = ["${command.hello.out}"]
#outputs = ["out/count.txt"]
)";

class Writer {
 public:
  Writer(const Draft& draft, const Refusals& refused) : draft_(draft), refused_(refused) {}

  DraftText write() {
    add(header);
    add(fmt::format("\n[pipeline]\nname = {}\nversion = 1\n", toml_text(draft_.project)));
    write_vars();
    for (std::size_t i = 0; i < draft_.nodes.size(); ++i) write_node(i);
    if (draft_.nodes.empty()) add(examples);
    return std::move(out_);
  }

 private:
  // Whole lines. Control characters, of file names, end no comment.
  void add(std::string_view lines) {
    for (const char c : lines)
      if (c == '\n') out_.lines.push_back(owner_);
    out_.text += lines;
  }

  void line(std::string_view before, std::string_view text) { add(fmt::format("{}{}\n", before, text)); }

  void write_vars() {
    const bool any = std::ranges::any_of(refused_.vars, [](bool refused) { return !refused; });
    if (any) add("\n[vars]\n");
    for (std::size_t i = 0; i < draft_.vars.size(); ++i) {
      if (refused_.vars[i]) continue;
      owner_.var = i;
      const auto& [name, value] = draft_.vars[i];
      line("", fmt::format("{} = {}", name, value));
    }
    owner_.var.reset();
  }

  void write_node(std::size_t index) {
    const DraftNode& node = draft_.nodes[index];
    const std::string& refused = refused_.nodes[index];
    const std::string_view before = !refused.empty() ? "# " : node.switched_on ? "" : "#";
    add("\n");
    owner_.node = index;
    for (const std::string& comment : node.comments) line("# ", escape_controls(comment));
    if (!refused.empty()) line("# ", "left out: " + escape_controls(refused));
    line(before, fmt::format("[{}]", node.label()));
    for (const DraftKey& key : node.keys) {
      std::string text = fmt::format("{} = {}", key.name, key.value);
      if (!key.comment.empty()) text += fmt::format(" # {}", escape_controls(key.comment));
      line(key.switched_on || !refused.empty() ? before : "#", text);
    }
    for (const std::string& table : node.tables) line(before, table);
    owner_.node.reset();
  }

  const Draft& draft_;
  const Refusals& refused_;
  DraftText out_;
  DraftText::Owner owner_;
};

}  // namespace

DraftText write_draft(const Draft& draft, const Refusals& refused) {
  return Writer(draft, refused).write();
}

}  // namespace trilock
