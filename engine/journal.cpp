#include "engine/journal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "cache/own_file.hpp"
#include "schemas/json.hpp"

namespace trilock {
namespace {

constexpr std::uint64_t largest_journal = std::uint64_t{64} << 20;

std::optional<std::uint64_t> number_of(const Json* value) {
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::uint64_t>(&value->data)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value->data); number != nullptr && *number >= 0)
    return static_cast<std::uint64_t>(*number);
  return std::nullopt;
}

std::string text_of(const Json* value) {
  return value == nullptr || value->string() == nullptr ? std::string() : *value->string();
}

void read_line(const Json& line, Journal::Remains& remains) {
  if (const auto brand = number_of(line.at("run"))) remains.runs.push_back({*brand});
  if (const auto number = number_of(line.at("begin"))) {
    Journal::Entry entry{.number = *number,
                         .at_ms = static_cast<std::int64_t>(number_of(line.at("at")).value_or(0)),
                         .label = text_of(line.at("label")),
                         .leaves = {}};
    const Json* leaves = line.at("leaves");
    if (leaves != nullptr && leaves->object() != nullptr)
      for (const JsonMember& member : leaves->object()->members)
        entry.leaves.push_back({member.first, text_of(&member.second)});
    remains.entries.push_back(std::move(entry));
  }
  if (const auto number = number_of(line.at("end")))
    std::erase_if(remains.entries, [&](const Journal::Entry& entry) { return entry.number == *number; });
}

}  // namespace

Journal::Remains read_journal(std::string_view text) {
  Journal::Remains remains;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const Result<Json> line = parse_json(text.substr(0, end))) read_line(*line, remains);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return remains;
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

Result<Journal::Remains> Journal::arm() {
  const std::lock_guard lock(mutex_);
  armed_ = true;
  const Result<std::string> text = read_own_file(path_, largest_journal);
  if (!text && text.error().kind == ErrorKind::not_found) return Remains{};
  exists_ = true;
  if (!text) return std::unexpected(text.error());
  Remains remains = read_journal(*text);
  for (const Entry& entry : remains.entries) last_ = std::max(last_, entry.number);
  open_entries_ = remains.entries.size();
  return remains;
}

Status Journal::begin() {
  if (begun_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(mutex_);
  if (!armed_ || begun_.load(std::memory_order_relaxed)) return {};
  JsonObject line;
  line.set("run", std::uint64_t{brands_.first});
  line.set("process", std::int64_t{::getpid()});
  Status written = append(write_json(Json(std::move(line))));
  if (written) begun_.store(true, std::memory_order_release);
  return written;
}

Result<std::uint64_t> Journal::enter(const std::string& label, const std::vector<Field>& leaves) {
  if (leaves.empty()) return 0;
  if (Status begun = begin(); !begun) return std::unexpected(begun.error());
  const std::lock_guard lock(mutex_);
  if (!armed_) return 0;
  JsonObject values;
  for (const Field& field : leaves) values.set(field.name, field.value);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  JsonObject line;
  line.set("begin", std::uint64_t{++last_});
  line.set("at", std::int64_t{std::chrono::duration_cast<std::chrono::milliseconds>(now).count()});
  line.set("label", label);
  line.set("leaves", std::move(values));
  if (Status written = append(write_json(Json(std::move(line)))); !written) return std::unexpected(written.error());
  ++open_entries_;
  return last_;
}

void Journal::end(std::uint64_t number) {
  if (number == 0) return;
  const std::lock_guard lock(mutex_);
  if (open_entries_ > 0) --open_entries_;
  JsonObject line;
  line.set("end", std::uint64_t{number});
  // An end that is not written makes the next run look once more, and find nothing.
  static_cast<void>(append(write_json(Json(std::move(line)))));
}

void Journal::close() {
  const std::lock_guard lock(mutex_);
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  if (exists_ && open_entries_ == 0) exists_ = ::unlink(path_.c_str()) != 0;
  begun_.store(false, std::memory_order_release);
  armed_ = false;
}

// A line that a full disk cut short is ended by the newline before the next one, and skipped by who reads.
Status Journal::append(std::string line) {
  if (file_ < 0) {
    Result<Descriptor> file = open_own_file(path_, OwnUse::append);
    if (!file) return std::unexpected(file.error());
    file_ = file->release();
  }
  exists_ = true;
  line.insert(line.begin(), '\n');
  line += '\n';
  const ssize_t count = ::write(file_, line.data(), line.size());
  if (count == static_cast<ssize_t>(line.size())) return {};
  return fail_errno(fmt::format("cannot write `{}`", path_), count < 0 ? errno : ENOSPC);
}

}  // namespace trilock
