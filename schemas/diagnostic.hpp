// The lane "the user's file is wrong": several findings at once, each with its place in a file.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace trilock {

enum class SourceId : std::uint32_t { none = 0xffffffff };

// A span of one line. `line` and `column` count from 1, columns in Unicode code points; a line of 0 means the
// file as a whole. `length` is in code points and at least 1 where the line is known.
struct Place {
  SourceId source = SourceId::none;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

// The texts that places point into. Ids stay valid for the life of the map. Not for concurrent writers.
class SourceMap {
 public:
  SourceId add(std::string path, std::string text);
  // Some parts of a file, one behind the other, each of whole lines; lines are counted as in the file, and those
  // between the parts are absent.
  struct Part {
    std::size_t begin = 0;  // in `text`
    std::uint32_t lines_before = 0;
  };
  SourceId add(std::string path, std::string text, std::vector<Part> parts);
  [[nodiscard]] std::string_view path(SourceId id) const;  // as the user would type it: relative to the workspace
  [[nodiscard]] std::string_view text(SourceId id) const;
  [[nodiscard]] std::string_view line(SourceId id, std::uint32_t number) const;  // without its line end; "" when absent

 private:
  struct Source {
    std::string path;
    std::string text;
    std::vector<std::size_t> line_starts;  // of a whole file
    std::vector<Part> parts;               // otherwise
  };
  [[nodiscard]] static std::string_view line_in_parts(const Source& source, std::uint32_t number);

  std::deque<Source> sources_;
};

enum class Severity : std::uint8_t { note, warning, error };
[[nodiscard]] std::string_view to_string(Severity severity);

// As rustc's diagnostics guide has it: lower case, no full stop, what was expected and what was found; names and
// values in backquotes; advice under `help`.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string message;
  Place place;
  std::string help;
  struct Note {  // a second place that belongs to the finding: "first declared here"
    std::string message;
    Place place;
  };
  std::vector<Note> notes;
};

class Diagnostics {
 public:
  Diagnostic& error(Place place, std::string message, std::string help = {});
  Diagnostic& warning(Place place, std::string message, std::string help = {});
  Diagnostic& note(Place place, std::string message, std::string help = {});  // what is worth knowing and no fault
  Diagnostic& add(Severity severity, Place place, std::string message, std::string help = {});
  void append(Diagnostics more);
  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  [[nodiscard]] std::size_t error_count() const { return errors_; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }
  void sort_by_place();  // by source, line, column; equal places keep the order in which they were found

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
};

// The plain-text form, ending in a newline:
//   error: unknown key `dockerfiel` in [image.dev]
//     --> trilock.toml:14:1
//      |
//   14 | dockerfiel = "Dockerfile"
//      | ^^^^^^^^^^
//      = help: did you mean `dockerfile`?
// Control characters of the source line are shown as `\xNN`, tabs as one space, and lines longer than 160 code
// points are cut around the span with `…`.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, const SourceMap& sources);

// The candidate nearest to `word` by Damerau-Levenshtein distance, at most a third of the word's length away (one
// change for words of two and three); "" when none is.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// "did you mean `x`?" or "".
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace trilock
