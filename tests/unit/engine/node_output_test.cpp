#include "engine/node_output.hpp"

#include <doctest/doctest.h>

using namespace trilock;

namespace {

class Heard final : public EventListener {
 public:
  std::string text;
  void run_started(std::int64_t, std::size_t) override {}
  void node_started(NodeId) override {}
  void node_output(NodeId, Stream stream, std::string_view piece) override {
    text += (stream == Stream::out ? "o(" : "e(") + std::string(piece) + ")";
  }
  void node_finished(NodeId, const NodeReport&) override {}
  void warning(std::string_view) override {}
  void run_finished(const RunSummary&) override {}
};

std::string joined(const NodeReport& report) {
  std::string text;
  for (const OutputLine& line : lines_of(report))
    text += (line.stream == Stream::out ? "o:" : "e:") + std::string(line.text) + "|";
  return text;
}

}  // namespace

TEST_CASE("output goes to the listener as it comes and to the report as a whole, in its order") {
  Heard heard;
  NodeReport report;
  const Redactor none;
  OutputTap tap(none, heard, NodeId{0}, report);
  tap.write(Stream::out, "one\ntw");
  tap.write(Stream::err, "oops\n");
  tap.write(Stream::out, "o\nthree");
  tap.process_ended();
  CHECK(heard.text == "o(one\ntw)e(oops\n)o(o\nthree)");
  CHECK(report.out == "one\ntwo\nthree");
  CHECK(report.err == "oops\n");
  CHECK(joined(report) == "o:one|e:oops|o:two|o:three|");
}

TEST_CASE("a secret that is split over two reads reaches neither") {
  Heard heard;
  NodeReport report;
  const Redactor secrets({{"T", "hunter2", EnvClass::secret}});
  OutputTap tap(secrets, heard, NodeId{0}, report);
  tap.write(Stream::out, "pass hun");
  tap.write(Stream::err, "hunter");
  tap.write(Stream::out, "ter2.\n");
  tap.process_ended();
  CHECK(heard.text == "o(pass )o(***.\n)e(hunter)");
  CHECK(report.out == "pass ***.\n");
  CHECK(report.err == "hunter");
}

TEST_CASE("without an order standard output comes first") {
  NodeReport report;
  report.out = "a\nb\n";
  report.err = "c";
  CHECK(joined(report) == "o:a|o:b|e:c|");
  CHECK(lines_of(NodeReport()).empty());
}
