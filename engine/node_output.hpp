// What the processes of a node write: on its way to the screen and the record, and as lines.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "engine/events.hpp"
#include "engine/redact.hpp"

namespace trilock {

// Takes secrets out of what a node's processes write and hands the rest on, to the listener as it comes and to the
// report as a whole. Belongs to the thread of the node's body; what it is given must outlive it.
class OutputTap {
 public:
  OutputTap(const Redactor& secrets, EventListener& events, NodeId id, NodeReport& report)
      : secrets_(secrets), events_(events), id_(id), report_(report) {}
  void write(Stream stream, std::string_view text);
  void process_ended();  // what was kept back is handed on

 private:
  void pass(Stream stream, std::string_view text);
  const Redactor& secrets_;
  EventListener& events_;
  NodeId id_;
  NodeReport& report_;
  std::array<StreamRedactor, 2> streams_{StreamRedactor(secrets_), StreamRedactor(secrets_)};
};

// A line of a report's output, without its line end.
struct OutputLine {
  Stream stream = Stream::out;
  std::string_view text;
};

// The output of a report line by line, in the order in which the lines were completed; where that is not known,
// standard output first. Points into the report.
[[nodiscard]] std::vector<OutputLine> lines_of(const NodeReport& report);

}  // namespace trilock
