// The functions of libcurl, loaded when a run first needs them: linking the library would cost every run the loading of
// it and of the two dozen libraries behind it. The one file that includes its header; cache/http_client.cpp is what
// uses it. Thread rule: constant once it is loaded; libcurl's own rules hold for what its functions are given.
#pragma once

// What the macros of the header would check is lost on a pointer.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <memory>

#include "schemas/result.hpp"

namespace trilock {

struct CurlLibrary {
  // tool_missing: not installed, or too old.
  static Result<std::unique_ptr<CurlLibrary>> load();

  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_version_info) version_info = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_multi_init) multi_init = nullptr;
  decltype(&::curl_multi_setopt) multi_setopt = nullptr;
  decltype(&::curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&::curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&::curl_multi_perform) multi_perform = nullptr;
  decltype(&::curl_multi_poll) multi_poll = nullptr;
  decltype(&::curl_multi_info_read) multi_info_read = nullptr;
  decltype(&::curl_multi_cleanup) multi_cleanup = nullptr;
  bool has_zstd = false;  // whether it decodes `Content-Encoding: zstd`
};

}  // namespace trilock
