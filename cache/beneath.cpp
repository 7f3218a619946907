#include "cache/beneath.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <vector>

namespace trilock {
namespace {

constexpr int most_links = 40;   // as Linux has it
constexpr int most_retries = 8;  // a rename anywhere in the system may make openat2 ask for one

struct Identity {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

Identity identity_of(const struct stat& stat) {
  return {stat.st_dev, stat.st_ino};
}

template <class Call>
auto retry_interrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

// 0, or an errno.
int open_beneath(int root, const std::string& path, Descriptor& found) {
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int i = 0; i < most_retries; ++i) {
    found = Descriptor(static_cast<int>(
        retry_interrupted([&] { return ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how); })));
    if (found) return 0;
    if (errno != EAGAIN) return errno;
  }
  return EAGAIN;
}

std::string parent_of_root(const std::string& root) {
  const std::size_t slash = root.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : root.substr(0, slash);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

// One component after the other, each opened in the directory that was opened before it and never through a symlink,
// whose text is walked in its turn. What has been left by `..` or an absolute target is walked too, since it may lead
// back: a directory counts as inside when it, or one on the way to it, is the root or an allowed one.
class Beneath::Walk {
 public:
  Walk(const Confinement& confinement, int root) : confinement_(confinement) {
    struct stat stat = {};
    if (::fstat(root, &stat) == 0) roots_.push_back(identity_of(stat));
    for (const std::string& allowed : confinement.allowed)
      if (::stat(allowed.c_str(), &stat) == 0) roots_.push_back(identity_of(stat));
    add(Descriptor(::fcntl(root, F_DUPFD_CLOEXEC, 0)), true);
  }

  int run(std::string_view path, Descriptor& found) {
    rest_ = path;
    while (!rest_.empty()) {
      if (failure_ != 0) return failure_;
      const std::size_t slash = rest_.find('/');
      const std::string name = rest_.substr(0, slash);
      rest_.erase(0, slash == std::string::npos ? slash : slash + 1);
      if (name.empty() || name == ".") continue;
      if (name == "..") {
        leave();
        continue;
      }
      if (const int error = enter(name); error != 0) return inside() ? error : leads_out;
    }
    if (failure_ != 0 || !inside()) return failure_ != 0 ? failure_ : leads_out;
    found = std::move(levels_.back().directory);
    return 0;
  }

 private:
  struct Level {
    Descriptor directory;
    bool inside = false;
  };

  [[nodiscard]] bool inside() const { return levels_.back().inside; }

  void restart(std::string rest) {
    rest_ = std::move(rest);
    from_top_ = true;
    levels_.clear();
    add(Descriptor(retry_interrupted([] { return ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC); })), false);
  }

  void add(Descriptor directory, bool inside) {
    if (!directory) failure_ = errno;
    struct stat stat = {};
    if (!inside && directory && ::fstat(directory.get(), &stat) == 0)
      for (const Identity& root : roots_) inside = inside || root == identity_of(stat);
    levels_.push_back({std::move(directory), inside});
  }

  void leave() {
    if (levels_.size() > 1)
      levels_.pop_back();
    else if (!from_top_ && confinement_.root != "/")
      restart(parent_of_root(confinement_.root) + "/" + rest_);
  }

  int enter(const std::string& name) {
    const int above = levels_.back().directory.get();
    Descriptor next(retry_interrupted([&] { return ::openat(above, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
    struct stat stat = {};
    if (!next || ::fstat(next.get(), &stat) != 0) return errno;
    if (S_ISLNK(stat.st_mode)) return follow(next.get());
    if (!S_ISDIR(stat.st_mode)) return ENOTDIR;
    add(std::move(next), inside());
    return 0;
  }

  // The links of /proc stand for what is open in some process, whatever their text says.
  int follow(int link) {
    struct statfs system = {};
    if (++links_ > most_links || (::fstatfs(link, &system) == 0 && system.f_type == PROC_SUPER_MAGIC)) return ELOOP;
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
    if (size < 0) return errno;
    target.resize(static_cast<std::size_t>(size));
    std::string rest = target + "/" + rest_;
    if (target.starts_with('/'))
      restart(std::move(rest));
    else
      rest_ = std::move(rest);
    return 0;
  }

  const Confinement& confinement_;
  std::vector<Identity> roots_;
  std::vector<Level> levels_;
  std::string rest_;
  bool from_top_ = false;  // the first level is `/` and not the root
  int links_ = 0;
  int failure_ = 0;  // the errno of a directory that could not be opened anew
};

Beneath::Beneath(Confinement confinement)
    : confinement_(std::move(confinement)), walks_(confinement_.way == Confinement::Way::walk) {}

bool Beneath::confines(std::string_view path) const {
  const std::string& root = confinement_.root;
  if (root.empty() || !path.starts_with(root)) return false;
  return root == "/" || path.size() == root.size() || path[root.size()] == '/';
}

int Beneath::open_root(int& root) const {
  const std::lock_guard lock(mutex_);
  if (!root_)
    root_ = Descriptor(
        retry_interrupted([&] { return ::open(confinement_.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  root = root_.get();
  return root_ ? 0 : errno;
}

// EXDEV may be a symlink whose target is absolute, or goes out and comes back: the walk knows.
int Beneath::open_directory(std::string_view below, Descriptor& found) const {
  int root = -1;
  if (const int error = open_root(root); error != 0) return error;
  if (!walks_.load(std::memory_order_relaxed)) {
    const int error = open_beneath(root, below.empty() ? "." : std::string(below), found);
    const bool lacking = error == ENOSYS || error == EPERM;  // the latter from a filter that does not know the call
    if (lacking) walks_.store(true, std::memory_order_relaxed);
    if (!lacking && error != EXDEV && error != EAGAIN) return error;
  }
  return Walk(confinement_, root).run(below, found);
}

int Beneath::find(const std::string& path, Place& place) const {
  if (!confines(path)) {
    place.directory = AT_FDCWD;
    place.name = path;
    return 0;
  }
  std::string_view below = std::string_view(path).substr(confinement_.root.size());
  while (below.starts_with('/')) below.remove_prefix(1);
  const std::size_t slash = below.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? below : below.substr(slash + 1);
  if (name == ".." || name == "." || (name.empty() && !below.empty())) return EINVAL;
  place.name = name.empty() ? "." : name;
  const int error = open_directory(slash == std::string_view::npos ? "" : below.substr(0, slash), place.held);
  place.directory = place.held.get();
  return error;
}

int Beneath::find_directory(const std::string& path) const {
  if (!confines(path)) {
    struct stat there = {};
    if (::stat(path.c_str(), &there) != 0) return errno;
    return S_ISDIR(there.st_mode) ? 0 : ENOTDIR;
  }
  std::string_view below = std::string_view(path).substr(confinement_.root.size());
  while (below.starts_with('/')) below.remove_prefix(1);
  Descriptor found;
  return open_directory(below, found);
}

}  // namespace trilock
