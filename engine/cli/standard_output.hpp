// The door to standard output and standard error, for all commands.
//
// What could not be written is not forgotten: end_output() turns it into an exit code, since a file that lacks its end
// must not pass for whole. A reader that went away (EPIPE) wants no more, which is no error: a command that only prints
// has ended by SIGPIPE before it comes to that, and a run goes on (docs/cli.md).
//
// Nothing of a repository is obeyed by who reads the output. print_out() and print_err() show what they are given to
// fill in: control characters are escaped (schemas/utf8.hpp), which a terminal would obey. Where GitHub Actions reads,
// no line of any text is a command to it, but what write_commands() writes. Secrets that hide_in_output() was told of
// leave by no door.
//
// Thread rule: any thread.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <type_traits>

#include "engine/redact.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {

// From now on `***` stands for these secrets, and for those of before, in all that is written.
void hide_in_output(const Redactor& secrets);

void write_out(std::string_view text);          // kept until there is much of it, flush_out(), or the end
void write_out_at_once(std::string_view text);  // with all that was kept before
void flush_out();
void write_err(std::string_view text);       // at once; where it gets lost, there is nobody left to tell
void write_commands(std::string_view text);  // to GitHub Actions, which obeys them; at once
// A value as JSON and a line end. Strings are made valid UTF-8.
void write_json_out(Json value, unsigned indent);

// With `***` in the place of secrets, and otherwise as it is.
[[nodiscard]] std::string without_secrets(std::string text);
// As it is shown: without secrets, and with nothing that a terminal would obey.
[[nodiscard]] std::string shown(std::string_view text);
// The same of each of its lines; from the second one on they are indented.
[[nodiscard]] std::string shown_lines(std::string_view text);

// Is printed as it is: made of what was shown before, with colors.
struct Painted {
  std::string text;
};

template <class Value>
inline constexpr bool is_text = std::is_convertible_v<const Value&, std::string_view>;
template <class Value>
inline constexpr bool is_painted = std::is_same_v<std::remove_cvref_t<Value>, Painted>;
template <class Value>
using Shown = std::conditional_t<is_text<Value> || is_painted<Value>, std::string, std::remove_cvref_t<Value>>;

template <class Value>
[[nodiscard]] Shown<Value> show(const Value& value) {
  if constexpr (is_painted<Value>)
    return value.text;
  else if constexpr (is_text<Value>)
    return shown(value);
  else
    return value;
}

template <class... Values>
[[nodiscard]] std::string format_shown(fmt::format_string<Shown<Values>...> format, const Values&... values) {
  const auto fill = [&](const auto&... filled) { return fmt::vformat(format, fmt::make_format_args(filled...)); };
  return fill(show(values)...);
}
template <class... Values>
void print_out(fmt::format_string<Shown<Values>...> format, const Values&... values) {
  write_out(format_shown<Values...>(format, values...));
}
template <class... Values>
void print_err(fmt::format_string<Shown<Values>...> format, const Values&... values) {
  write_err(format_shown<Values...>(format, values...));
}

// Writes what was kept. `code`; or that of a failed environment, with a message, where all went well but for some of
// the output that is lost.
[[nodiscard]] int end_output(int code);

}  // namespace trilock::cli
