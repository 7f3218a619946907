#include "tests/support/program.hpp"

#include <algorithm>
#include <set>

#include "cache/hash.hpp"

namespace trilock::test {
namespace {

class Program {
 public:
  Program(const std::vector<std::string>& argv, const ReadFile& read) : argv_(argv), read_(read) {}

  Effects run() {
    if (argv_.size() < 2) return {};
    const std::string& verb = argv_[1];
    if (verb == "fail") return failed("told to fail");
    if (verb == "lossy") {
      made(argv_[2], lossy(mixed(3)));
    } else if (verb == "pair") {
      const std::string all = mixed(4);
      made(argv_[2], lossy(all));
      made(argv_[3], all);
    } else if (verb == "tree") {
      tree(argv_[2], mixed(3));
    } else if (verb == "scan") {
      scan();
    } else {
      made(verb, mixed(2));
      error_.clear();
    }
    return error_.empty() ? std::move(effects_) : failed(error_);
  }

 private:
  static Effects failed(const std::string& why) {
    Effects effects;
    effects.exit_code = 1;
    effects.err = why + "\n";
    return effects;
  }

  static std::string lossy(const std::string& text) { return "v" + std::to_string(fast_digest(text).data[0] % 3); }

  void made(const std::string& path, std::string content, std::uint32_t mode = 0644) {
    effects_.made[path] = {EntryType::file, mode, std::move(content)};
  }

  std::string content_of(const std::string& path) {
    std::optional<std::string> content = read_(path);
    if (!content) content = read_(path + "/sum");
    if (content && content->starts_with("bad")) error_ = path + " is bad";
    return content.value_or("absent");
  }

  std::string mixed(std::size_t first) {
    std::string text;
    for (std::size_t i = first; i < argv_.size(); ++i) text += argv_[i] + "(" + content_of(argv_[i]) + ")";
    return text;
  }

  void tree(const std::string& dir, const std::string& text) {
    const auto directory = [&](const std::string& path) { effects_.made[path] = {EntryType::directory, 0755, ""}; };
    directory(dir);
    directory(dir + "/a b");
    directory(dir + "/empty");
    made(dir + "/sum", text, 0755);
    made(dir + "/a b/part", lossy(text));
    effects_.made[dir + "/link"] = {EntryType::symlink, 0, "a b/part"};
    // What is there depends on the content: a file of before must not stay.
    if (lossy(text) == "v0") made(dir + "/sometimes", "here");
  }

  void scan() {
    std::set<std::string> seen;
    std::vector<std::string> open(argv_.begin() + 4, argv_.end());
    std::string text;
    while (!open.empty()) {
      const std::string path = open.back();
      open.pop_back();
      if (!seen.insert(path).second) continue;
      if (!read_(path)) error_ = "missing " + path;
      const std::string content = content_of(path);
      text += path + "(" + content + ")";
      for (std::size_t at = 0; at < content.size();) {
        const std::size_t end = std::min(content.find('\n', at), content.size());
        const std::string line = content.substr(at, end - at);
        if (line.starts_with("include ")) open.push_back(line.substr(8));
        at = end + 1;
      }
    }
    std::string rule = argv_[2] + ":";
    for (const std::string& path : seen) rule += " \\\n  " + path;
    made(argv_[2], text);
    effects_.passing[argv_[3]] = {EntryType::file, 0644, rule + "\n"};
    effects_.read.assign(seen.begin(), seen.end());
  }

  const std::vector<std::string>& argv_;
  const ReadFile& read_;
  Effects effects_;
  std::string error_;
};

}  // namespace

Effects run_program(const std::vector<std::string>& argv, const ReadFile& read) {
  return Program(argv, read).run();
}

}  // namespace trilock::test
