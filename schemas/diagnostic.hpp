// The lane "the user's file is wrong": several findings at once, each with its place in a file.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
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
  [[nodiscard]] std::size_t size() const { return sources_.size(); }  // ids count from 0
  [[nodiscard]] std::string_view path(SourceId id) const;  // as the user would type it: relative to the workspace
  [[nodiscard]] std::string_view text(SourceId id) const;
  [[nodiscard]] std::string_view line(SourceId id, std::uint32_t number) const;  // without its line end; "" when absent
  // Whether columns of all its lines are bytes.
  [[nodiscard]] bool is_ascii(SourceId id) const;

 private:
  struct Source {
    std::string path;
    std::string text;
    std::vector<std::size_t> line_starts;  // of a whole file
    std::vector<Part> parts;               // otherwise
    bool ascii = false;
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

// Errors, warnings and notes of each of which a reader needs no more to begin with; all are counted.
inline constexpr std::size_t most_findings = 100;

class Diagnostics {
 public:
  // Keeps the first `most_findings` of each severity, and counts the others.
  Diagnostics() = default;
  // Keeps all, for what is looked through before it is told.
  [[nodiscard]] static Diagnostics unbounded() {
    Diagnostics all;
    all.most_kept_ = static_cast<std::size_t>(-1);
    return all;
  }

  Diagnostic& error(Place place, std::string message, std::string help = {});
  Diagnostic& warning(Place place, std::string message, std::string help = {});
  Diagnostic& note(Place place, std::string message, std::string help = {});  // what is worth knowing and no fault
  void append(Diagnostics more);
  [[nodiscard]] bool has_errors() const { return error_count() > 0; }
  [[nodiscard]] std::size_t error_count() const { return found_[index_of(Severity::error)]; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }  // that are kept
  // "123 more errors are not shown", as findings without a place; empty when all are kept.
  [[nodiscard]] std::vector<Diagnostic> left_out() const;
  void sort_by_place();  // by source, line, column; equal places keep the order in which they were found

 private:
  Diagnostic& add(Diagnostic diagnostic);
  static constexpr std::size_t index_of(Severity severity) { return static_cast<std::size_t>(severity); }
  [[nodiscard]] std::size_t kept(Severity severity) const { return kept_[index_of(severity)]; }

  std::size_t most_kept_ = most_findings;
  std::vector<Diagnostic> all_;
  std::array<std::size_t, 3> found_{};  // by severity
  std::array<std::size_t, 3> kept_{};   // by severity
  Diagnostic surplus_;                  // the last one that was not kept
};

// The plain-text form, ending in a newline:
//   error: unknown key `dockerfiel` in [image.dev]
//     --> trilock.toml:14:1
//      |
//   14 | dockerfiel = "Dockerfile"
//      | ^^^^^^^^^^
//      = help: did you mean `dockerfile`?
// Control characters of the source line are shown as `\xNN`, tabs as one space, and lines longer than 160 code
// points are cut around the span with `…`. Whatever is quoted, lines of the source too, goes through `reword` first, if
// there is one: it may hide parts of it.
using Reword = std::function<std::string(std::string)>;
[[nodiscard]] std::string render(const Diagnostic& diagnostic, const SourceMap& sources,
                                 const Reword& reword = nullptr);

// The candidate nearest to `word` by Damerau-Levenshtein distance, at most a third of the word's length away (one
// change for words of two and three); "" when none is.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

// "did you mean `x`?" or "".
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace trilock
