#include "engine/cli/standard_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/cli/bare_output.hpp"
#include "engine/cli/github_commands.hpp"
#include "engine/cli/session.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

constexpr std::size_t most_kept = 64 * 1024;

// There is one of a process, as there is one `stdout`, which is not used: it gives up where a terminal or a pipe that
// another process has made non-blocking is slow.
struct StandardOutput {
  std::mutex mutex;
  std::string kept;                                   // guarded by mutex
  int lost = 0;                                       // guarded by mutex; why the first of it could not be written
  std::shared_ptr<const Redactor> secrets = nullptr;  // guarded by mutex; what it points to is const

  // With the mutex held.
  void write() {
    const int error = write_all(STDOUT_FILENO, kept);
    if (error != EPIPE && lost == 0) lost = error;
    kept.clear();
  }
};

StandardOutput& standard_output() {
  static StandardOutput output;
  return output;
}

bool github_reads() {
  static const bool reads = [] {
    const char* const value = std::getenv("GITHUB_ACTIONS");
    return value != nullptr && std::string_view(value) == "true";
  }();
  return reads;
}

std::shared_ptr<const Redactor> secrets() {
  StandardOutput& output = standard_output();
  const std::lock_guard lock(output.mutex);
  return output.secrets;
}

std::string checked(std::string_view text) {
  std::string result = without_secrets(std::string(text));
  return github_reads() ? without_commands(result) : result;
}

enum class When : std::uint8_t { later, at_once };

void put(std::string_view text, When when) {
  StandardOutput& output = standard_output();
  const std::lock_guard lock(output.mutex);
  output.kept += text;
  if (when == When::at_once || output.kept.size() >= most_kept) output.write();
}

void make_showable(Json& value, const Redactor* hidden) {
  const auto clean = [&](std::string& text) {
    if (hidden != nullptr) text = (*hidden)(std::move(text));
    if (find_invalid_utf8(text)) text = valid_utf8(text);
  };
  if (auto* text = std::get_if<std::string>(&value.data)) clean(*text);
  if (auto* array = std::get_if<JsonArray>(&value.data))
    for (Json& item : *array) make_showable(item, hidden);
  if (auto* object = std::get_if<JsonObject>(&value.data))
    for (auto& [name, member] : object->members) {
      if (find_invalid_utf8(name)) name = valid_utf8(name);
      // Words of trilock's own, which programs look for.
      if (name != "event" && name != "severity" && name != "outcome" && name != "kind") make_showable(member, hidden);
    }
}

// JSON itself escapes what is below a blank; a terminal obeys more, and all of it stands in strings.
std::string escape_for_terminal(std::string text) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x7f; };
  if (std::ranges::all_of(text, is_ascii)) return text;
  std::string result;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint point = decode_utf8(rest);
    if (point.value < 0x7f || !is_control(point.value)) {
      result += rest.substr(0, point.size);
    } else if (point.value <= 0xffff) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(point.value));
    } else {
      const auto beyond = static_cast<unsigned>(point.value) - 0x10000;
      result += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (beyond >> 10), 0xdc00 + (beyond & 0x3ff));
    }
    rest.remove_prefix(point.size);
  }
  return result;
}

}  // namespace

void hide_in_output(const Redactor& more) {
  if (more.empty()) return;
  StandardOutput& output = standard_output();
  const std::lock_guard lock(output.mutex);
  output.secrets = std::make_shared<const Redactor>(output.secrets == nullptr ? more : output.secrets->with(more));
}

void write_out(std::string_view text) {
  put(checked(text), When::later);
}

void write_out_at_once(std::string_view text) {
  put(checked(text), When::at_once);
}

void flush_out() {
  put({}, When::at_once);
}

void write_err(std::string_view text) {
  write_all(STDERR_FILENO, checked(text));
}

void write_commands(std::string_view text) {
  put(without_secrets(std::string(text)), When::at_once);
}

void write_json_out(Json value, unsigned indent) {
  const auto hidden = secrets();
  make_showable(value, hidden.get());
  std::string text = escape_for_terminal(write_json(value, indent)) + "\n";
  // The older form of a command counts anywhere in a line. Outside of strings JSON has no `#`.
  for (std::size_t at = 0; github_reads() && (at = text.find("##[", at)) != std::string::npos; ++at)
    text.replace(at + 1, 1, "\\u0023");
  put(text, When::later);
}

std::string without_secrets(std::string text) {
  const auto hidden = secrets();
  return hidden == nullptr ? text : (*hidden)(std::move(text));
}

std::string shown(std::string_view text) {
  return escape_controls(without_secrets(std::string(text)));
}

std::string shown_lines(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return escape_lines(without_secrets(std::string(text)), "    ");
}

int end_output(int code) {
  flush_out();
  StandardOutput& output = standard_output();
  int lost = 0;
  {
    const std::lock_guard lock(output.mutex);
    lost = output.lost;
  }
  if (lost == 0) return code;
  write_err(lost_output_message(lost));
  return code == exit_done ? exit_environment : code;
}

}  // namespace trilock::cli
