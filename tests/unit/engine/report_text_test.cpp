#include "engine/cli/report_text.hpp"

#include <doctest/doctest.h>

using namespace trilock;
using namespace trilock::cli;

namespace {

NodeReport report_of(Outcome outcome, std::string reason) {
  NodeReport report;
  report.outcome = outcome;
  report.reason = std::move(reason);
  report.duration_ms = 2200;
  return report;
}

}  // namespace

TEST_CASE("whose output is shown") {
  using enum Outcome;
  for (const Outcome outcome : {unchanged, restored, ran, failed, skipped, cancelled, waiting}) {
    const bool troubled = outcome == failed || outcome == waiting;
    CHECK(shows_output(OutputMode::full, outcome));
    CHECK(shows_output(OutputMode::fresh, outcome) == (troubled || outcome == ran || outcome == cancelled));
    CHECK(shows_output(OutputMode::errors, outcome) == troubled);
    CHECK(!shows_output(OutputMode::none, outcome));
  }
}

TEST_CASE("the line of a finished node") {
  CHECK(finished_line(1, 9, "go.test", report_of(Outcome::ran, "no earlier result"), {}) ==
        "[1/9] ran go.test in 2.2 s: no earlier result");
  CHECK(finished_line(1, 9, "go.test", report_of(Outcome::ran, "no earlier result"), {.dry = true}) ==
        "[1/9] would run go.test: no earlier result");
  NodeReport open = report_of(Outcome::ran, "if command.a comes out different");
  open.may_run = true;
  CHECK(finished_line(2, 9, "go.test", open, {.dry = true}) ==
        "[2/9] may run go.test: if command.a comes out different");
  CHECK(finished_line(2, 9, "go.test", report_of(Outcome::unchanged, ""), {.color = true}) ==
        "[2/9] \x1b[2munchanged\x1b[0m go.test");
  CHECK(finished_line(2, 9, "x", report_of(Outcome::restored, "two\nlines \x1b[31m"), {}) ==
        "[2/9] restored x: two lines ");
}

TEST_CASE("a failure says which node, why, and what was run") {
  NodeReport report = report_of(Outcome::failed, "`go vet` failed with exit code 1");
  CHECK(failure_head("go.vet", report, {}) == "error: go.vet: `go vet` failed with exit code 1\n");
  report.command = "sh -euc 'one\ntwo'";
  CHECK(failure_head("go.vet", report, {}) == "error: go.vet: `go vet` failed with exit code 1\n  $ sh -euc 'one …\n");
  report.command = "go vet ./...";
  report.outcome = Outcome::waiting;
  CHECK(failure_head("go.vet", report, {.color = true}) ==
        "\x1b[33mwaiting:\x1b[0m go.vet: `go vet` failed with exit code 1\n  $ go vet ./...\n");
}

TEST_CASE("output: in order, behind its prefix, the last lines of a long one") {
  NodeReport report;
  report.out = "a\n\x1b[31mb\x1b[0m\nd";
  report.err = "c\n";
  report.order = {{Stream::out, 13}, {Stream::err, 2}, {Stream::out, 1}};
  CHECK(output_text(report, "| ", Colors::strip) == "| a\n| b\n| c\n| d\n");
  CHECK(output_text(report, "", Colors::keep, 3) == "\x1b[31mb\x1b[0m\x1b[0m\nc\nd\n");
  CHECK(output_text(NodeReport(), "| ", Colors::strip).empty());
}

TEST_CASE("the summary line") {
  RunSummary summary;
  summary.nodes = 5;
  summary.duration_ms = 1900;
  summary.counts[static_cast<std::size_t>(Outcome::ran)] = 2;
  summary.counts[static_cast<std::size_t>(Outcome::unchanged)] = 3;
  CHECK(summary_line(summary) == "5 nodes: 2 ran, 3 unchanged, 0 failed in 1.9 s");
  summary.counts[static_cast<std::size_t>(Outcome::restored)] = 1;
  summary.counts[static_cast<std::size_t>(Outcome::skipped)] = 4;
  CHECK(summary_line(summary) == "5 nodes: 2 ran, 1 restored, 3 unchanged, 0 failed, 4 skipped in 1.9 s");
}

TEST_CASE("the summary line of a dry run counts what may run apart") {
  RunSummary summary{.nodes = 6, .dry = true, .may_run = 2};
  summary.counts[static_cast<std::size_t>(Outcome::ran)] = 1;
  summary.counts[static_cast<std::size_t>(Outcome::restored)] = 1;
  summary.counts[static_cast<std::size_t>(Outcome::unchanged)] = 2;
  CHECK(summary_counts(summary) == "6 nodes: 1 would run, 2 may run, 1 would be restored, 2 unchanged, 0 failed");
}
