#include "cache/curl_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

namespace trilock {
namespace {

constexpr unsigned oldest_version = 0x075500;  // 7.85: protocols by name
constexpr const char* file_name = "libcurl.so.4";

// Looks functions up, and remembers whether one was missing.
class Symbols {
 public:
  explicit Symbols(void* library) : library_(library) {}
  template <class Function>
  void find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
    complete_ = complete_ && function != nullptr;
  }
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  void* library_;
  bool complete_ = true;
};

}  // namespace

Result<std::unique_ptr<CurlLibrary>> CurlLibrary::load() {
  // NODELETE: libcurl and the libraries behind it register things that outlive a handle.
  void* library = ::dlopen(file_name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr)
    return fail(ErrorKind::tool_missing, fmt::format("`{}` cannot be loaded", file_name),
                "it is in the package libcurl4");
  auto curl = std::make_unique<CurlLibrary>();
  Symbols symbols(library);
  symbols.find("curl_global_init", curl->global_init);
  symbols.find("curl_version_info", curl->version_info);
  symbols.find("curl_easy_init", curl->easy_init);
  symbols.find("curl_easy_reset", curl->easy_reset);
  symbols.find("curl_easy_setopt", curl->easy_setopt);
  symbols.find("curl_easy_getinfo", curl->easy_getinfo);
  symbols.find("curl_easy_strerror", curl->easy_strerror);
  symbols.find("curl_easy_cleanup", curl->easy_cleanup);
  symbols.find("curl_multi_init", curl->multi_init);
  symbols.find("curl_multi_setopt", curl->multi_setopt);
  symbols.find("curl_multi_add_handle", curl->multi_add_handle);
  symbols.find("curl_multi_remove_handle", curl->multi_remove_handle);
  symbols.find("curl_multi_perform", curl->multi_perform);
  symbols.find("curl_multi_poll", curl->multi_poll);
  symbols.find("curl_multi_info_read", curl->multi_info_read);
  symbols.find("curl_multi_cleanup", curl->multi_cleanup);
  ::dlclose(library);

  const curl_version_info_data* info = symbols.complete() ? curl->version_info(CURLVERSION_NOW) : nullptr;
  if (info == nullptr || info->version_num < oldest_version || curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return fail(ErrorKind::tool_missing, fmt::format("`{}` is too old", file_name), "it takes libcurl 7.85 or later");
  curl->has_zstd = (info->features & CURL_VERSION_ZSTD) != 0;
  return curl;
}

}  // namespace trilock
