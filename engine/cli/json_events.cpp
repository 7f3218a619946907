#include "engine/cli/json_events.hpp"

#include <cstdio>

namespace trilock::cli {
namespace {

// Output of processes is bytes; JSON is UTF-8. What is not becomes U+FFFD.
std::string valid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80                   ? 1
                               : byte >= 0xc2 && byte < 0xe0 ? 2
                               : byte >= 0xe0 && byte < 0xf0 ? 3
                               : byte >= 0xf0 && byte < 0xf5 ? 4
                                                             : 0;
    bool good = length > 0 && i + length <= text.size();
    for (std::size_t k = 1; good && k < length; ++k) good = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    if (good && length > 2) {
      const auto second = static_cast<unsigned char>(text[i + 1]);
      good = !(byte == 0xe0 && second < 0xa0) && !(byte == 0xed && second > 0x9f) && !(byte == 0xf0 && second < 0x90) &&
             !(byte == 0xf4 && second > 0x8f);
    }
    if (good)
      result += text.substr(i, length);
    else
      result += "\xef\xbf\xbd";
    i += good ? length : 1;
  }
  return result;
}

JsonObject event(std::string_view name) {
  JsonObject object;
  object.set("event", name);
  return object;
}

}  // namespace

JsonObject to_json(const Diagnostic& diagnostic, const SourceMap& sources) {
  JsonObject object;
  object.set("severity", diagnostic.severity == Severity::error ? "error" : "warning");
  object.set("message", valid_utf8(diagnostic.message));
  const bool placed = diagnostic.place.source != SourceId::none;
  object.set("file", placed ? Json(sources.path(diagnostic.place.source)) : Json(nullptr));
  object.set("line", placed && diagnostic.place.line > 0 ? Json(std::uint64_t{diagnostic.place.line}) : Json(nullptr));
  object.set("column",
             placed && diagnostic.place.line > 0 ? Json(std::uint64_t{diagnostic.place.column}) : Json(nullptr));
  object.set("help", diagnostic.help.empty() ? Json(nullptr) : Json(valid_utf8(diagnostic.help)));
  return object;
}

void JsonEvents::print(JsonObject object) {
  const std::string line = write_json(Json(std::move(object))) + "\n";
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
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
  JsonObject object = event("node_output");
  object.set("label", graph_.node(id).label);
  object.set("stream", stream == Stream::out ? "stdout" : "stderr");
  object.set("text", valid_utf8(text));
  print(std::move(object));
}

void JsonEvents::node_finished(NodeId id, const NodeReport& report) {
  JsonObject object = event("node_finished");
  object.set("label", graph_.node(id).label);
  object.set("outcome", to_string(report.outcome));
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
  JsonObject object = event("run_finished");
  object.set("exit_code", summary.exit_code);
  JsonObject counts;
  for (std::size_t i = 0; i < outcome_count; ++i)
    counts.set(std::string(to_string(static_cast<Outcome>(i))), std::uint64_t{summary.counts[i]});
  object.set("counts", std::move(counts));
  object.set("duration_ms", std::uint64_t{summary.duration_ms});
  print(std::move(object));
}

}  // namespace trilock::cli
