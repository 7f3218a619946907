// The pass over lines. A logical line is made of physical ones: comment lines and empty ones inside a continuation are
// dropped, heredoc bodies follow the line that opens them. Every byte of a logical line remembers where it stood, so
// that an image's name can be replaced in place.
#include "rules/image/dockerfile.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "rules/image/dockerfile_words.hpp"
#include "schemas/diagnostic.hpp"

namespace trilock {
namespace {

constexpr std::array<std::string_view, 18> instruction_names = {
    "ADD",   "ARG",        "CMD",     "COPY", "ENTRYPOINT", "ENV",        "EXPOSE", "FROM",   "HEALTHCHECK",
    "LABEL", "MAINTAINER", "ONBUILD", "RUN",  "SHELL",      "STOPSIGNAL", "USER",   "VOLUME", "WORKDIR"};

bool blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_comment(std::string_view line) {
  const auto text = trim(line);
  return !text.empty() && text.front() == '#';
}

// `# name = value`; empty when the line is no such comment.
std::optional<std::pair<std::string, std::string>> directive_of(std::string_view line) {
  line = trim(line);
  if (line.empty() || line.front() != '#') return {};
  line = trim(line.substr(1));
  const auto equal = line.find('=');
  if (equal == std::string_view::npos) return {};
  const auto name = trim(line.substr(0, equal));
  const auto value = trim(line.substr(equal + 1));
  const bool word = !name.empty() && std::isalpha(static_cast<unsigned char>(name.front())) != 0 &&
                    std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0; });
  if (!word || value.empty()) return {};
  return std::pair{lower(name), std::string(value)};
}

bool valid_stage_name(std::string_view name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<DockerfileProblem>& problems) : text_(text), problems_(problems) {}

  Dockerfile run() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    read_directives();
    while (at_ < text_.size()) read_instruction();
    if (file_.instructions.empty()) {
      problem(1, "no instructions");
    } else if (file_.stages.empty()) {
      problem(file_.instructions.front().line, "no `FROM` instruction");
    }
    return std::move(file_);
  }

 private:
  struct Line {
    std::uint32_t begin = 0;
    std::string_view text;  // without its line end
  };

  void problem(std::uint32_t line, std::string message, std::string help = {}) {
    problems_.push_back({line, std::move(message), std::move(help)});
  }

  Line peek() const {
    const auto end = text_.find('\n', at_);
    auto text = text_.substr(at_, end == std::string_view::npos ? end : end - at_);
    if (text.ends_with('\r')) text.remove_suffix(1);
    return {static_cast<std::uint32_t>(at_), text};
  }

  Line next() {
    const Line line = peek();
    const auto end = text_.find('\n', at_);
    at_ = end == std::string_view::npos ? text_.size() : end + 1;
    ++line_;
    return line;
  }

  // Directives stand before anything else, comments and empty lines included.
  void read_directives() {
    std::vector<std::string> seen;
    while (at_ < text_.size()) {
      const auto directive = directive_of(peek().text);
      if (!directive) return;
      const auto& [name, value] = *directive;
      if (name != "syntax" && name != "escape" && name != "check") return;
      next();
      if (std::ranges::find(seen, name) != seen.end()) {
        problem(line_, fmt::format("the parser directive `{}` stands here for the second time", name));
      }
      seen.push_back(name);
      if (name == "syntax") file_.syntax = value;
      if (name == "check") file_.check = value;
      if (name == "escape") {
        if (value != "\\" && value != "`") {
          problem(line_, fmt::format("`{}` is no escape character", value), "expected `\\` or a backtick");
        } else {
          file_.escape = value.front();
        }
      }
    }
  }

  // Whether the line goes on: one escape character (not two) and blanks at its end, which are taken off.
  bool take_continuation(std::string_view& text) const {
    auto end = text.size();
    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
    if (end == 0 || text[end - 1] != file_.escape) return false;
    if (end >= 2 && text[end - 2] == file_.escape) return false;
    text = text.substr(0, end - 1);
    return true;
  }

  static void append(Word& word, const Line& line, std::string_view text) {
    const auto offset = static_cast<std::uint32_t>(text.data() - line.text.data());
    for (std::size_t i = 0; i < text.size(); ++i)
      word.at.push_back(line.begin + offset + static_cast<std::uint32_t>(i));
    word.text += text;
  }

  void read_instruction() {
    Line line = next();
    if (is_comment(line.text)) return;
    std::string_view text = line.text;
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    bool more = take_continuation(text);
    if (!more && trim(text).empty()) return;
    const std::uint32_t start = line_;
    Word logical;
    append(logical, line, text);
    while (more && at_ < text_.size()) {
      line = next();
      if (is_comment(line.text) || trim(line.text).empty()) continue;
      text = line.text;
      more = take_continuation(text);
      append(logical, line, text);
    }
    if (!trim(logical.text).empty()) add(logical, start);
  }

  void add(const Word& logical, std::uint32_t start) {
    const auto first = logical.text.find_first_not_of(" \t\r\v\f");
    auto end = first;
    while (end < logical.text.size() && !blank(logical.text[end])) ++end;
    DockerfileInstruction instruction;
    instruction.name = upper(std::string_view(logical.text).substr(first, end - first));
    instruction.line = start;
    if (std::ranges::find(instruction_names, instruction.name) == instruction_names.end()) {
      problem(start, fmt::format("unknown instruction `{}`", logical.text.substr(first, end - first)),
              did_you_mean(instruction.name, {instruction_names.begin(), instruction_names.end()}));
      return;
    }
    Word rest = logical.part(end);
    instruction.flags = take_flags(rest);
    while (!rest.text.empty() && blank(rest.text.back())) rest.text.pop_back(), rest.at.pop_back();
    read_args(instruction, rest);
    read_heredocs(instruction, rest);
    instruction.last_line = line_;
    place(instruction);
    file_.instructions.push_back(std::move(instruction));
  }

  void read_args(DockerfileInstruction& instruction, const Word& rest) const {
    static constexpr std::array<std::string_view, 7> json_forms = {"RUN",  "CMD", "ENTRYPOINT", "SHELL",
                                                                   "COPY", "ADD", "VOLUME"};
    static constexpr std::array<std::string_view, 8> lines = {"RUN",  "CMD",     "ENTRYPOINT",  "MAINTAINER",
                                                              "USER", "WORKDIR", "HEALTHCHECK", "ONBUILD"};
    if (std::ranges::find(json_forms, instruction.name) != json_forms.end()) {
      if (auto words = json_words(rest)) {
        instruction.args = std::move(*words);
        instruction.json = true;
        return;
      }
    }
    if (std::ranges::find(lines, instruction.name) != lines.end()) {
      if (!rest.text.empty()) instruction.args = {rest};
    } else if (instruction.name == "ARG" || instruction.name == "ENV" || instruction.name == "LABEL") {
      instruction.args = split_words(rest, file_.escape);
    } else {
      instruction.args = split_fields(rest);
    }
  }

  void read_heredocs(DockerfileInstruction& instruction, const Word& rest) {
    const auto& name = instruction.name;
    bool may = name == "RUN" || name == "COPY" || name == "ADD";
    if (name == "ONBUILD") {
      const auto inner = upper(rest.text.substr(0, rest.text.find_first_of(" \t")));
      may = inner == "RUN" || inner == "COPY" || inner == "ADD";
    }
    if (!may || instruction.json || rest.text.find("<<") == std::string::npos) return;
    for (Heredoc& doc : heredocs_of(rest)) {
      bool closed = false;
      while (!closed && at_ < text_.size()) {
        const auto begin = at_;
        auto text = next().text;
        while (doc.strip_tabs && text.starts_with('\t')) text.remove_prefix(1);
        closed = text == doc.name;
        if (!closed) doc.content += text_.substr(begin, at_ - begin);
      }
      if (!closed) problem(instruction.line, fmt::format("the heredoc `{}` is never closed", doc.name));
      instruction.heredocs.push_back(std::move(doc));
    }
  }

  void place(DockerfileInstruction& instruction) {
    const std::uint32_t line = instruction.line;
    if (instruction.name == "FROM") {
      place_stage(instruction);
    } else if (file_.stages.empty() && instruction.name != "ARG") {
      problem(line, fmt::format("`{}` before the first `FROM`", instruction.name),
              "only `ARG` may stand before the first `FROM`");
    } else if (instruction.args.empty() && instruction.heredocs.empty() && !instruction.json) {
      problem(line, fmt::format("`{}` needs an argument", instruction.name));
    } else if ((instruction.name == "COPY" || instruction.name == "ADD") && instruction.args.size() < 2) {
      problem(line, fmt::format("`{}` needs a source and a destination", instruction.name));
    }
    instruction.stage = static_cast<int>(file_.stages.size()) - 1;
  }

  void place_stage(const DockerfileInstruction& instruction) {
    DockerfileStage stage;
    stage.index = static_cast<std::uint32_t>(file_.stages.size());
    stage.line = instruction.line;
    const auto& args = instruction.args;
    if (args.size() != 1 && !(args.size() == 3 && lower(args[1].text) == "as")) {
      problem(instruction.line, "`FROM` needs one argument, or three: `FROM IMAGE AS NAME`");
    } else if (args.size() == 3) {
      stage.name = lower(args[2].text);
      if (!valid_stage_name(stage.name)) {
        problem(instruction.line, fmt::format("`{}` is no name for a stage", args[2].text),
                "a name starts with a letter and goes on with letters, digits, `-`, `_` and `.`");
      }
    }
    if (!args.empty()) stage.base = args.front();
    if (const auto* platform = instruction.flag("platform")) stage.platform = platform->value.text;
    file_.stages.push_back(std::move(stage));
  }

  std::string_view text_;
  std::vector<DockerfileProblem>& problems_;
  Dockerfile file_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 0;
};

}  // namespace

Word Word::part(std::size_t first, std::size_t count) const {
  first = std::min(first, text.size());
  count = std::min(count, text.size() - first);
  const auto begin = at.begin() + static_cast<std::ptrdiff_t>(first);
  return {text.substr(first, count), {begin, begin + static_cast<std::ptrdiff_t>(count)}};
}

FileSpan Word::span() const {
  if (at.empty()) return {};
  return {at.front(), at.back() + 1};
}

const DockerfileFlag* DockerfileInstruction::flag(std::string_view flag_name) const {
  const auto found = std::ranges::find(flags, flag_name, &DockerfileFlag::name);
  return found == flags.end() ? nullptr : &*found;
}

std::optional<std::uint32_t> Dockerfile::stage_named(std::string_view name) const {
  const auto wanted = lower(name);
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    if (!stage->name.empty() && stage->name == wanted) return stage->index;
  }
  return {};
}

Dockerfile parse_dockerfile(std::string_view text, std::vector<DockerfileProblem>& problems) {
  return Parser(text, problems).run();
}

std::string replace_spans(std::string_view text, char escape,
                          std::vector<std::pair<FileSpan, std::string>> replacements) {
  std::ranges::sort(replacements, {}, [](const auto& each) { return each.first.begin; });
  std::string out;
  std::size_t at = 0;
  for (const auto& [span, replacement] : replacements) {
    out += text.substr(at, span.begin - at);
    out += replacement;
    const auto lines = std::ranges::count(text.substr(span.begin, span.end - span.begin), '\n');
    for (std::ptrdiff_t i = 0; i < lines; ++i) (out += escape) += '\n';
    at = span.end;
  }
  out += text.substr(at);
  return out;
}

}  // namespace trilock
