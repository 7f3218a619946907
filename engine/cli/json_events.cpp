#include "engine/cli/json_events.hpp"

#include "engine/cli/standard_output.hpp"
#include "schemas/utf8.hpp"

namespace trilock::cli {
namespace {

constexpr std::string_view may_run = "may_run";  // beside the outcomes, in what a dry run foretells
constexpr std::string_view replacement = "\xef\xbf\xbd";

std::string valid_utf8(std::string_view text) {
  Utf8Stream stream;
  std::string result = stream.feed(text);
  result += stream.finish();
  return result;
}

// Whether bytes that are no character may be the beginning of one.
bool may_become_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t size = byte(0) >= 0xc2 && byte(0) < 0xe0   ? 2
                           : byte(0) >= 0xe0 && byte(0) < 0xf0 ? 3
                           : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4
                                                               : 0;
  if (text.size() >= size) return false;
  for (std::size_t i = 1; i < text.size(); ++i)
    if ((byte(i) & 0xc0) != 0x80) return false;
  return true;
}

JsonObject event(std::string_view name) {
  JsonObject object;
  object.set("event", name);
  return object;
}

}  // namespace

std::string Utf8Stream::feed(std::string_view piece) {
  std::string joined;
  if (!kept_.empty()) {
    joined = std::move(kept_).append(piece);
    kept_.clear();
    piece = joined;
  }
  std::string result;
  result.reserve(piece.size());
  while (!piece.empty()) {
    const CodePoint point = decode_utf8(piece);
    if (!point.valid && may_become_character(piece)) {
      kept_ = piece;
      break;
    }
    result += point.valid ? piece.substr(0, point.size) : replacement;
    piece.remove_prefix(point.size);
  }
  return result;
}

std::string Utf8Stream::finish() {
  std::string result;
  for (std::size_t i = 0; i < kept_.size(); ++i) result += replacement;
  kept_.clear();
  return result;
}

JsonObject to_json(const Diagnostic& diagnostic, const SourceMap& sources) {
  JsonObject object;
  object.set("severity", to_string(diagnostic.severity));
  object.set("message", valid_utf8(diagnostic.message));
  const bool placed = diagnostic.place.source != SourceId::none;
  object.set("file", placed ? Json(sources.path(diagnostic.place.source)) : Json(nullptr));
  object.set("line", placed && diagnostic.place.line > 0 ? Json(std::uint64_t{diagnostic.place.line}) : Json(nullptr));
  object.set("column",
             placed && diagnostic.place.line > 0 ? Json(std::uint64_t{diagnostic.place.column}) : Json(nullptr));
  object.set("help", diagnostic.help.empty() ? Json(nullptr) : Json(valid_utf8(diagnostic.help)));
  return object;
}

JsonObject diagnostic_event(JsonObject finding) {
  JsonObject object = event("diagnostic");
  for (JsonMember& member : finding.members) object.set(member.first, std::move(member.second));
  return object;
}

JsonObject diagnostic_event(const Error& error) {
  JsonObject object = event("diagnostic");
  object.set("severity", "error");
  object.set("message", valid_utf8(error.message));
  object.set("help", error.help.empty() ? Json(nullptr) : Json(valid_utf8(error.help)));
  return object;
}

JsonObject run_finished_event(const RunSummary& summary) {
  JsonObject object = event("run_finished");
  object.set("exit_code", summary.exit_code);
  JsonObject counts;
  for (std::size_t i = 0; i < outcome_count; ++i)
    counts.set(std::string(to_string(static_cast<Outcome>(i))), std::uint64_t{summary.counts[i]});
  if (summary.dry) counts.set(std::string(may_run), std::uint64_t{summary.may_run});
  object.set("counts", std::move(counts));
  object.set("duration_ms", std::uint64_t{summary.duration_ms});
  return object;
}

void print_event(JsonObject event) {
  write_json_out(Json(std::move(event)), 0);
  flush_out();
}

void JsonEvents::print(JsonObject event) {
  const std::lock_guard lock(mutex_);
  print_event(std::move(event));
}

void JsonEvents::run_started(std::int64_t run, std::size_t nodes) {
  JsonObject object = event("run_started");
  object.set("version", 1);
  object.set("run", std::int64_t{run});
  object.set("nodes", std::uint64_t{nodes});
  print(std::move(object));
}

void JsonEvents::node_started(NodeId id) {
  JsonObject object = event("node_started");
  object.set("label", graph_.node(id).label);
  print(std::move(object));
}

void JsonEvents::node_output(NodeId id, Stream stream, std::string_view text) {
  if (output_ != OutputMode::full && output_ != OutputMode::fresh) return;
  std::string valid;
  {
    const std::lock_guard lock(mutex_);
    valid = streams_[id][static_cast<std::size_t>(stream)].feed(text);
  }
  output(id, stream, std::move(valid));
}

void JsonEvents::output(NodeId id, Stream stream, std::string text) {
  if (text.empty()) return;
  JsonObject object = event("node_output");
  object.set("label", graph_.node(id).label);
  object.set("stream", stream == Stream::out ? "stdout" : "stderr");
  object.set("text", std::move(text));
  print(std::move(object));
}

// What was not shown as it came: of a node that did not run, and of a failed one where only those are wanted.
void JsonEvents::recorded_output(NodeId id, const NodeReport& report) {
  std::array<Utf8Stream, 2> rest{};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = streams_.find(id); found != streams_.end()) {
      rest = std::move(found->second);
      streams_.erase(found);
    }
  }
  for (const Stream stream : {Stream::out, Stream::err})
    output(id, stream, rest[static_cast<std::size_t>(stream)].finish());
  const bool old = report.outcome == Outcome::unchanged || report.outcome == Outcome::restored;
  if (!shows_output(output_, report.outcome) || (output_ != OutputMode::errors && !old)) return;
  output(id, Stream::out, valid_utf8(report.out));
  output(id, Stream::err, valid_utf8(report.err));
}

void JsonEvents::node_finished(NodeId id, const NodeReport& report) {
  recorded_output(id, report);
  JsonObject object = event("node_finished");
  object.set("label", graph_.node(id).label);
  object.set("outcome", report.may_run ? may_run : to_string(report.outcome));
  object.set("key", report.has_key ? Json(report.key.hex()) : Json(nullptr));
  object.set("reason", report.reason.empty() ? Json(nullptr) : Json(valid_utf8(report.reason)));
  object.set("duration_ms", std::uint64_t{report.duration_ms});
  JsonObject values;
  for (const Field& value : report.values) values.set(value.name, valid_utf8(value.value));
  object.set("values", std::move(values));
  print(std::move(object));
}

void JsonEvents::warning(std::string_view text) {
  JsonObject object = event("diagnostic");
  object.set("severity", "warning");
  object.set("message", valid_utf8(text));
  print(std::move(object));
}

void JsonEvents::run_finished(const RunSummary& summary) {
  print(run_finished_event(summary));
}

}  // namespace trilock::cli
