#include "cache/own_file.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/temporary_directory.hpp"

using namespace trilock;

namespace {

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_mode & 07777U : 0;
}

std::string message(const Result<Descriptor>& opened) {
  return opened ? "opened" : opened.error().message;
}

}  // namespace

TEST_CASE("own file: what is not ours is refused for every use, and stays as it is") {
  const test::TemporaryDirectory folder;
  std::filesystem::create_directory(folder / "real");
  std::ofstream(folder / "real/victim") << "precious";
  std::filesystem::create_symlink("real/victim", folder / "link");
  std::filesystem::create_symlink("absent", folder / "dangling");
  std::filesystem::create_directory_symlink("real", folder / "through");
  std::filesystem::create_directory(folder / "directory");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  for (const OwnUse use : {OwnUse::read, OwnUse::change, OwnUse::append}) {
    const auto said = [&](const std::string& name) { return message(open_own_file(folder / name, use)); };
    const std::string link = "it is a symbolic link, or lies behind one";
    CHECK(said("link") == "cannot use `" + folder / "link" + "`: " + link);
    CHECK(said("dangling") == "cannot use `" + folder / "dangling" + "`: " + link);
    CHECK(said("through/victim") == "cannot use `" + folder / "through/victim" + "`: " + link);
    CHECK(said("through/new") == "cannot use `" + folder / "through/new" + "`: " + link);
    CHECK(said("directory") == "cannot use `" + folder / "directory" + "`: it is not a regular file");
    CHECK(said("fifo") == "cannot use `" + folder / "fifo" + "`: it is not a regular file");
  }
  CHECK(content(folder / "real/victim") == "precious");
  CHECK(std::distance(std::filesystem::directory_iterator(folder / "real"), {}) == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "absent"));
  if (::geteuid() != 0) return;
  std::ofstream(folder / "foreign") << "x";
  REQUIRE(::chown((folder / "foreign").c_str(), 1, 1) == 0);
  CHECK(message(open_own_file(folder / "foreign", OwnUse::read)) ==
        "cannot use `" + folder / "foreign" + "`: it belongs to another user");
  CHECK(message(open_own_file("/dev/null", OwnUse::change)) == "cannot use `/dev/null`: it is not a regular file");
}

TEST_CASE("own file: one that has a second name keeps its mode, and nothing is written behind its end") {
  const test::TemporaryDirectory folder;
  std::ofstream(folder / "victim") << "precious";
  std::filesystem::permissions(folder / "victim", std::filesystem::perms(0644));
  std::filesystem::create_hard_link(folder / "victim", folder / "name");
  CHECK(message(open_own_file(folder / "name", OwnUse::append)) ==
        "cannot use `" + folder / "name" + "`: it has a second name elsewhere");
  CHECK(open_own_file(folder / "name", OwnUse::change));
  CHECK(mode_of(folder / "victim") == 0644);
}

TEST_CASE("own file: a size that is no such file's is refused before anything is read") {
  const test::TemporaryDirectory folder;
  std::ofstream(folder / "file") << "12345";
  CHECK(read_own_file(folder / "file", 5).value() == "12345");
  CHECK(read_own_file(folder / "file", 4).error().message ==
        "cannot use `" + folder / "file" + "`: it is larger than any that trilock makes");
  CHECK(read_own_file(folder / "none", 4).error().kind == ErrorKind::not_found);
}

TEST_CASE("own file: modes are what they should be, whatever the umask") {
  const test::TemporaryDirectory folder;
  for (const mode_t mask : {0U, 022U, 0777U}) {
    const std::string below = folder / std::to_string(mask);
    const mode_t before = ::umask(mask);
    CHECK(make_own_directory(below + "/a/b"));
    CHECK(open_own_file(below + "/a/changed", OwnUse::change));
    CHECK(open_own_file(below + "/a/appended", OwnUse::append));
    CHECK(write_own_file(below + "/a/written", "x"));
    ::umask(before);
    CHECK(mode_of(below) == 0700);
    CHECK(mode_of(below + "/a/b") == 0700);
    CHECK(mode_of(below + "/a/changed") == 0600);
    CHECK(mode_of(below + "/a/appended") == 0600);
    CHECK(mode_of(below + "/a/written") == 0600);
  }
}

TEST_CASE("own file: a directory that others may enter is closed to them, and no other thing is taken for one") {
  const test::TemporaryDirectory folder;
  std::filesystem::create_directory(folder / "open");
  std::filesystem::permissions(folder / "open", std::filesystem::perms::all);
  CHECK(make_own_directory(folder / "open"));
  CHECK(mode_of(folder / "open") == 0700);
  std::filesystem::create_directory_symlink("open", folder / "link");
  CHECK_FALSE(make_own_directory(folder / "link"));
  CHECK_FALSE(make_own_directory(folder / "link/below"));
  CHECK(std::filesystem::is_empty(folder / "open"));
  std::ofstream(folder / "file") << "x";
  CHECK(make_own_directory(folder / "file").error().message ==
        "cannot use `" + folder / "file" + "`: it is not a directory");
}

TEST_CASE("own file: writing takes the place of a link and leaves what it led to") {
  const test::TemporaryDirectory folder;
  std::ofstream(folder / "victim") << "precious";
  std::filesystem::create_symlink("victim", folder / "link");
  CHECK(write_own_file(folder / "link", "ours"));
  CHECK(content(folder / "victim") == "precious");
  CHECK(content(folder / "link") == "ours");
  CHECK_FALSE(std::filesystem::is_symlink(folder / "link"));
}
