#include "engine/cli/github_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/cli/bare_output.hpp"
#include "engine/cli/report_text.hpp"
#include "engine/node_output.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

constexpr std::string_view old_command = "##[";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

// How many bytes of white space a text begins with: the runner trims what Unicode calls so, in front of a command.
std::size_t white_space(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size()) {
    const CodePoint point = decode_utf8(text.substr(count));
    const char32_t c = point.value;
    const bool blank = (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
                       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
                       c == 0x3000;
    if (!point.valid || !blank) break;
    count += point.size;
  }
  return count;
}

// --- lines of compilers ---

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

bool take_number(std::string_view& text, std::uint32_t& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return true;
}

bool take(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// `path:line[:column]: [error: |warning: ]message`; the file is as it is written.
std::optional<Annotation> annotation_in(std::string_view line) {
  line = trimmed(line);
  take(line, "vet: ");
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
  Annotation found;
  found.file = line.substr(0, colon);
  if (found.file.find_first_of(" \t\"'`()<>") != std::string::npos || found.file.find('.') == std::string::npos)
    return std::nullopt;
  line.remove_prefix(colon + 1);
  if (!take_number(line, found.line) || found.line == 0 || !take(line, ":")) return std::nullopt;
  if (std::string_view rest = line; take_number(rest, found.column) && take(rest, ":"))
    line = rest;
  else
    found.column = 0;
  if (!take(line, " ")) return std::nullopt;
  line = trimmed(line);
  take(line, "fatal ");
  if (take(line, "note: ")) return std::nullopt;
  if (take(line, "warning: "))
    found.level = Annotation::Level::warning;
  else
    take(line, "error: ");
  if (line.empty()) return std::nullopt;
  found.message = line;
  return found;
}

// The import path that `go test` names after the lines of a package.
std::string_view failed_package(std::string_view line) {
  if (!line.starts_with("FAIL\t")) return {};
  line.remove_prefix(5);
  return line.substr(0, line.find_first_of("\t "));
}

// --- Markdown ---

constexpr std::array most_urgent_first = {Outcome::failed, Outcome::waiting,  Outcome::cancelled, Outcome::skipped,
                                          Outcome::ran,    Outcome::restored, Outcome::unchanged};
static_assert(most_urgent_first.size() == outcome_count);

// Text in a cell of a table: nothing in it is markup.
std::string escape_markdown(std::string_view text) {
  std::string result;
  for (const char c : one_line(text)) {
    if (c == '<')
      result += "&lt;";
    else if (c == '&')
      result += "&amp;";
    else if (std::string_view("\\`*_[]|~!#").contains(c))
      result.append({'\\', c});
    else
      result += c;
  }
  return result;
}

// A code span in a cell: more backticks around it than are in it, and `|` escaped all the same (GFM, tables).
std::string code_span(std::string_view text) {
  std::string code = one_line(text);
  replace_all(code, "|", "\\|");
  std::string fence = "`";
  while (code.contains(fence)) fence += '`';
  const bool padded = code.starts_with('`') || code.ends_with('`');
  return fmt::format("{0}{2}{1}{2}{0}", fence, code, padded ? " " : "");
}

std::string table_row(const SummaryRow& row) {
  const bool took_time = row.outcome == Outcome::ran || row.outcome == Outcome::failed;
  return fmt::format("| {} | {} | {} | {} |\n", to_string(row.outcome), code_span(row.label),
                     took_time ? seconds(row.duration_ms) : "", escape_markdown(row.reason));
}

}  // namespace

std::string escape_command_data(std::string_view text) {
  std::string result(text);
  replace_all(result, "%", "%25");
  replace_all(result, "\r", "%0D");
  replace_all(result, "\n", "%0A");
  return result;
}

std::string escape_command_property(std::string_view text) {
  std::string result = escape_command_data(text);
  replace_all(result, ":", "%3A");
  replace_all(result, ",", "%2C");
  return result;
}

std::string annotation_command(const Annotation& annotation) {
  std::string properties;
  const auto add = [&](std::string_view name, std::string_view value) {
    properties +=
        fmt::format("{}{}={}", properties.empty() ? " " : ",", name, escape_command_property(escape_controls(value)));
  };
  if (!annotation.file.empty()) add("file", annotation.file);
  if (!annotation.file.empty() && annotation.line > 0) add("line", std::to_string(annotation.line));
  if (!annotation.file.empty() && annotation.column > 0) add("col", std::to_string(annotation.column));
  if (!annotation.title.empty()) add("title", annotation.title);
  constexpr std::array<std::string_view, 3> commands = {"notice", "warning", "error"};
  return fmt::format("::{}{}::{}\n", commands[static_cast<std::size_t>(annotation.level)], properties,
                     escape_command_data(escape_lines(annotation.message, "")));
}

std::string group_of(std::string_view title, std::string_view text, std::string_view token) {
  const bool guarded = text.contains("::") || text.contains(old_command);
  std::string result = fmt::format("::group::{}\n", escape_command_data(escape_controls(title)));
  if (guarded) result += fmt::format("::stop-commands::{}\n", token);
  result += text;
  if (guarded) result += fmt::format("::{}::\n", token);
  return result + "::endgroup::\n";
}

std::string without_commands(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t blanks = white_space(text);
    result += text.substr(0, blanks);
    text.remove_prefix(blanks);
    if (text.starts_with("::")) result += '\\';
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size() - 1);
    result += text.substr(0, end + 1);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  replace_all(result, old_command, "## [");
  return result;
}

std::string harmless_line(std::string_view text) {
  return without_commands(one_line(text));
}

std::vector<Annotation> annotations_in(const NodeReport& report, std::string_view title, const ResolveFile& resolve) {
  std::vector<Annotation> found;
  std::size_t of_package = 0;  // the first that the next line of a package may be about
  const auto resolve_from = [&](std::size_t first, std::string_view package) {
    for (std::size_t i = first; i < found.size(); ++i) found[i].file = resolve(found[i].file, package);
  };
  for (const OutputLine& line : lines_of(report)) {
    const std::string text = visible_line(line.text, Colors::strip);
    if (const std::string_view package = failed_package(text); !package.empty()) {
      resolve_from(of_package, package);
      of_package = found.size();
    } else if (std::optional<Annotation> one = annotation_in(text)) {
      one->title = title;
      found.push_back(std::move(*one));
    }
  }
  resolve_from(of_package, "");
  std::erase_if(found, [](const Annotation& one) { return one.file.empty(); });
  return found;
}

std::string step_summary(const RunSummary& summary, const std::vector<SummaryRow>& rows, std::size_t most_bytes) {
  std::string text = fmt::format("### trilock run\n\n{}\n", escape_markdown(summary_line(summary)));
  if (!rows.empty()) text += "\n| outcome | node | duration | reason |\n|---|---|---:|---|\n";
  const auto left_out = [](std::size_t count) { return fmt::format("\n… and {} more\n", count); };
  const std::size_t room = most_bytes - std::min(most_bytes, left_out(rows.size()).size() + 1);
  std::size_t written = 0;
  bool full = false;
  for (const Outcome outcome : most_urgent_first)
    for (const SummaryRow& row : rows) {
      if (row.outcome != outcome || full) continue;
      const std::string line = table_row(row);
      full = text.size() + line.size() > room;
      if (full) continue;
      text += line;
      ++written;
    }
  if (full) text += left_out(rows.size() - written);
  text += '\n';  // what the next step appends begins a paragraph of its own
  return text.size() <= most_bytes ? text : std::string();
}

}  // namespace trilock::cli
