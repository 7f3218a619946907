#include "engine/node_output.hpp"

#include <algorithm>

namespace trilock {
namespace {

std::size_t index_of(Stream stream) {
  return static_cast<std::size_t>(stream);
}

// One stream of a report that is read piece by piece; a line is taken once its end has been read.
struct Reader {
  Stream stream;
  std::string_view text;
  std::size_t line_start = 0;
  std::size_t read = 0;

  void take_until(std::size_t end, std::vector<OutputLine>& lines) {
    read = std::min(end, text.size());
    for (std::size_t line_end = text.find('\n', line_start); line_end < read; line_end = text.find('\n', line_start)) {
      lines.push_back({stream, text.substr(line_start, line_end - line_start)});
      line_start = line_end + 1;
    }
  }
  void take_rest(std::vector<OutputLine>& lines) {
    take_until(text.size(), lines);
    if (line_start < text.size()) lines.push_back({stream, text.substr(line_start)});
  }
};

}  // namespace

void OutputTap::write(Stream stream, std::string_view text) {
  if (secrets_.empty())
    pass(stream, text);
  else
    pass(stream, streams_[index_of(stream)].feed(text));
}

void OutputTap::process_ended() {
  for (const Stream stream : {Stream::out, Stream::err}) pass(stream, streams_[index_of(stream)].finish());
}

void OutputTap::pass(Stream stream, std::string_view text) {
  if (text.empty()) return;
  (stream == Stream::out ? report_.out : report_.err) += text;
  if (report_.order.empty() || report_.order.back().stream != stream)
    report_.order.push_back({stream, text.size()});
  else
    report_.order.back().size += text.size();
  events_.node_output(id_, stream, text);
}

std::vector<OutputLine> lines_of(const NodeReport& report) {
  std::vector<OutputLine> lines;
  std::array<Reader, 2> readers{{{Stream::out, report.out}, {Stream::err, report.err}}};
  for (const OutputPiece& piece : report.order) {
    Reader& reader = readers[index_of(piece.stream)];
    reader.take_until(reader.read + piece.size, lines);
  }
  for (Reader& reader : readers) reader.take_rest(lines);
  return lines;
}

}  // namespace trilock
