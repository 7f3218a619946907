#include "schemas/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <tuple>
#include <utility>

#include "schemas/utf8.hpp"

namespace trilock {
namespace {

constexpr std::size_t max_shown = 160;    // code points of a source line, with the ellipses
constexpr std::size_t shown_before = 24;  // code points kept in front of a span that does not fit from column 1
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::size_t index_of(SourceId id) {
  return static_cast<std::size_t>(id);
}

// The part of a source line that is shown, and the carets below it.
struct Snippet {
  std::string text;
  std::string carets;
};

void trim_right(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
}

// `\xNN` is wider than the code point it stands for; the carets below follow what is shown.
Snippet make_snippet(std::string_view line, std::size_t column, std::size_t length) {
  const std::size_t count = count_code_points(line);
  const std::size_t begin = column > 0 ? std::min(column - 1, count) : 0;
  const std::size_t end = begin + std::max<std::size_t>(length, 1);

  std::size_t first = 0;
  std::size_t last = count;
  if (count > max_shown) {
    constexpr std::size_t room = max_shown - 2;
    if (end > room) first = std::min(begin - std::min(begin, shown_before), count - room);
    last = first + room;
  }

  Snippet snippet;
  if (first > 0) {
    snippet.text = "…";
    snippet.carets = " ";
  }
  std::string_view rest = line.substr(code_point_offset(line, first));
  for (std::size_t i = first; i < last; ++i) {
    const std::string_view point = rest.substr(0, decode_utf8(rest).size);
    rest.remove_prefix(point.size());
    const std::string shown = point == "\t" ? " " : escape_controls(point);
    snippet.text += shown;
    snippet.carets.append(count_code_points(shown), i >= begin && i < end ? '^' : ' ');
  }
  if (begin >= last) snippet.carets += '^';  // just behind the end of the line
  if (last < count) snippet.text += "…";
  trim_right(snippet.text);
  trim_right(snippet.carets);
  return snippet;
}

std::string reworded(std::string_view text, const Reword& reword) {
  return reword ? reword(std::string(text)) : std::string(text);
}

// The line as it is reworded, and the span moved by what became shorter or longer before and in it.
Snippet reworded_snippet(std::string_view line, const Place& place, const Reword& reword) {
  if (!reword) return make_snippet(line, place.column, place.length);
  const std::string words = reword(std::string(line));
  if (words == line) return make_snippet(line, place.column, place.length);
  const std::size_t begin = code_point_offset(line, place.column > 0 ? place.column - 1 : 0);
  const std::string_view rest = line.substr(begin);
  const std::string_view span = rest.substr(0, code_point_offset(rest, place.length));
  return make_snippet(words, count_code_points(reword(std::string(line.substr(0, begin)))) + 1,
                      count_code_points(reword(std::string(span))));
}

void render_place(std::string& out, const Place& place, const SourceMap& sources, std::size_t gutter,
                  const Reword& reword) {
  if (place.source == SourceId::none) return;
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{:{}}--> {}", "", gutter, escape_controls(reworded(sources.path(place.source), reword)));
  if (place.line == 0) {
    out += '\n';
    return;
  }
  fmt::format_to(to, ":{}:{}\n", place.line, std::max(place.column, 1U));
  if (sources.text(place.source).empty()) return;
  const Snippet snippet = reworded_snippet(sources.line(place.source, place.line), place, reword);
  fmt::format_to(to, "{:{}} |\n", "", gutter);
  fmt::format_to(to, "{:>{}} |{}{}\n", place.line, gutter, snippet.text.empty() ? "" : " ", snippet.text);
  fmt::format_to(to, "{:{}} | {}\n", "", gutter, snippet.carets);
}

// One width for all places of a diagnostic, and at least two, so that most diagnostics of a file line up.
std::size_t gutter_width(const Diagnostic& diagnostic) {
  std::uint32_t line = diagnostic.place.line;
  for (const Diagnostic::Note& note : diagnostic.notes) line = std::max(line, note.place.line);
  return std::max<std::size_t>(2, fmt::formatted_size("{}", line));
}

// Messages may quote what stands in a file, so they are no more trusted than its lines.
std::string one_line(std::string_view message, const Reword& reword) {
  return escape_controls(reworded(message, reword));
}

std::u32string decode(std::string_view text) {
  std::u32string decoded;
  while (!text.empty()) {
    const CodePoint point = decode_utf8(text);
    decoded += point.value;
    text.remove_prefix(point.size);
  }
  return decoded;
}

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours count one each.
std::size_t distance(const std::u32string& a, const std::u32string& b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> previous(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

SourceId SourceMap::add(std::string path, std::string text) {
  Source source{std::move(path), std::move(text), {0}, {}, false};
  source.ascii = is_plain(source.text);
  source.line_starts.reserve(static_cast<std::size_t>(std::ranges::count(source.text, '\n')) + 1);
  for (std::size_t i = 0; (i = source.text.find('\n', i)) != std::string::npos;) source.line_starts.push_back(++i);
  sources_.push_back(std::move(source));
  return static_cast<SourceId>(sources_.size() - 1);
}

SourceId SourceMap::add(std::string path, std::string text, std::vector<Part> parts) {
  const bool ascii = is_plain(text);
  sources_.push_back({std::move(path), std::move(text), {}, std::move(parts), ascii});
  return static_cast<SourceId>(sources_.size() - 1);
}

bool SourceMap::is_ascii(SourceId id) const {
  return index_of(id) < sources_.size() && sources_[index_of(id)].ascii;
}

// From there to the end of its line; "" when it lies outside of its part.
std::string_view SourceMap::line_in_parts(const Source& source, std::uint32_t number) {
  const auto next = std::ranges::lower_bound(source.parts, number, {}, &Part::lines_before);
  if (next == source.parts.begin()) return "";
  const Part& part = *std::prev(next);
  std::string_view rest = source.text;
  rest = rest.substr(part.begin, next == source.parts.end() ? rest.npos : next->begin - part.begin);
  for (std::uint32_t line = part.lines_before + 1; line < number; ++line) {
    const std::size_t end = rest.find('\n');
    if (end == rest.npos) return "";
    rest.remove_prefix(end + 1);
  }
  return rest;
}

std::string_view SourceMap::path(SourceId id) const {
  return index_of(id) < sources_.size() ? std::string_view(sources_[index_of(id)].path) : "";
}

std::string_view SourceMap::text(SourceId id) const {
  return index_of(id) < sources_.size() ? std::string_view(sources_[index_of(id)].text) : "";
}

// A byte order mark in front of the first line is no part of it: columns do not count it.
std::string_view SourceMap::line(SourceId id, std::uint32_t number) const {
  if (index_of(id) >= sources_.size()) return "";
  const Source& source = sources_[index_of(id)];
  std::string_view line = source.text;
  if (!source.parts.empty()) {
    line = line_in_parts(source, number);
    line = line.substr(0, line.find('\n'));
  } else if (number == 0 || number > source.line_starts.size()) {
    return "";
  } else {
    line.remove_prefix(source.line_starts[number - 1]);
    // A look at a long line must not read it: it may hold thousands of values.
    if (number < source.line_starts.size()) line.remove_suffix(source.text.size() - source.line_starts[number] + 1);
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (number == 1 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  return line;
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return {};
}

Diagnostic& Diagnostics::add(Diagnostic diagnostic) {
  const Severity severity = diagnostic.severity;
  ++found_[index_of(severity)];
  if (kept(severity) >= most_kept_) return surplus_ = std::move(diagnostic);
  ++kept_[index_of(severity)];
  return all_.emplace_back(std::move(diagnostic));
}

Diagnostic& Diagnostics::error(Place place, std::string message, std::string help) {
  return add({Severity::error, std::move(message), place, std::move(help), {}});
}

Diagnostic& Diagnostics::warning(Place place, std::string message, std::string help) {
  return add({Severity::warning, std::move(message), place, std::move(help), {}});
}

Diagnostic& Diagnostics::note(Place place, std::string message, std::string help) {
  return add({Severity::note, std::move(message), place, std::move(help), {}});
}

void Diagnostics::append(Diagnostics more) {
  for (std::size_t i = 0; i < found_.size(); ++i) found_[i] += more.found_[i] - more.kept_[i];
  for (Diagnostic& diagnostic : more.all_) add(std::move(diagnostic));
}

std::vector<Diagnostic> Diagnostics::left_out() const {
  std::vector<Diagnostic> rest;
  const auto tell = [&](Severity severity, std::string_view one, std::string_view several) {
    const std::size_t count = found_[index_of(severity)] - kept(severity);
    if (count == 0) return;
    rest.push_back({severity, fmt::format("{} more {} not shown", count, count == 1 ? one : several), {}, {}, {}});
  };
  tell(Severity::error, "error is", "errors are");
  tell(Severity::warning, "warning is", "warnings are");
  tell(Severity::note, "note is", "notes are");
  return rest;
}

void Diagnostics::sort_by_place() {
  std::vector<std::size_t> order(all_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Place& first = all_[a].place;
    const Place& second = all_[b].place;
    return std::tie(first.source, first.line, first.column, a) < std::tie(second.source, second.line, second.column, b);
  });
  std::vector<Diagnostic> sorted;
  sorted.reserve(all_.size());
  for (const std::size_t i : order) sorted.push_back(std::move(all_[i]));
  all_ = std::move(sorted);
}

std::string render(const Diagnostic& diagnostic, const SourceMap& sources, const Reword& reword) {
  const std::size_t gutter = gutter_width(diagnostic);
  std::string out(to_string(diagnostic.severity));
  out += ": ";
  out += one_line(diagnostic.message, reword);
  out += '\n';
  render_place(out, diagnostic.place, sources, gutter, reword);
  if (!diagnostic.help.empty()) {
    fmt::format_to(std::back_inserter(out), "{:{}} = help: {}\n", "", gutter, one_line(diagnostic.help, reword));
  }
  for (const Diagnostic::Note& note : diagnostic.notes) {
    out += "note: ";
    out += one_line(note.message, reword);
    out += '\n';
    render_place(out, note.place, sources, gutter, reword);
  }
  return out;
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t longest_word = 200;  // longer ones are no typing errors
  // Names of a pipeline may be many and long; a suggestion is not worth more than a part of a second.
  constexpr std::size_t most_cells = 20'000'000;
  std::size_t cells = 0;
  const std::u32string wanted = decode(word.substr(0, 4 * longest_word));
  if (wanted.size() > longest_word) return "";
  if (wanted.size() < 2) return "";
  const std::size_t limit = std::max<std::size_t>(wanted.size(), 3) / 3;
  std::string_view best;
  std::size_t best_distance = limit + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > 4 * (wanted.size() + limit)) continue;
    const std::u32string decoded = decode(candidate);
    const std::size_t longer = std::max(decoded.size(), wanted.size());
    if (longer - std::min(decoded.size(), wanted.size()) >= best_distance) continue;
    cells += (wanted.size() + 1) * (decoded.size() + 1);
    if (cells > most_cells) break;
    const std::size_t found = distance(wanted, decoded);
    if (found < best_distance) {
      best = candidate;
      best_distance = found;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view found = nearest(word, candidates);
  return found.empty() ? std::string() : fmt::format("did you mean `{}`?", found);
}

}  // namespace trilock
