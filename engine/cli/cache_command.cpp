// `trilock cache`: what is in a cache directory, whether it is whole, and what may go.
#include <fmt/format.h>

#include "cache/cache_gc.hpp"
#include "cache/signature.hpp"
#include "engine/cli/documents.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/standard_output.hpp"
#include "schemas/json.hpp"

namespace trilock::cli {
namespace {

constexpr std::size_t counted_runs = 20;  // whose look-ups are shown

Json to_json(const Amount& amount) {
  JsonObject object;
  object.set("files", Json(amount.files));
  object.set("bytes", Json(amount.bytes));
  return object;
}

void set_stats(JsonObject& document, const CacheStats& stats) {
  document.set("results", to_json(stats.results));
  document.set("blobs", to_json(stats.blobs));
  document.set("temporaries", to_json(stats.temporaries));
  document.set("quarantine", to_json(stats.quarantine));
}

std::string_view to_string(LookupAnswer answer) {
  switch (answer) {
    case LookupAnswer::local:
      return "local";
    case LookupAnswer::shared:
      return "shared";
    case LookupAnswer::miss:
      break;
  }
  return "miss";
}

// The directory that the command is about. An error of kind invalid is the user's.
Result<std::string> directory_of(const Invocation& invocation, Session& session) {
  const CacheSettings& settings = session.planned.pipeline.cache;
  if (!invocation.shared) return session.workspace->cache_dir(settings);
  if (settings.shared.empty())
    return fail(ErrorKind::invalid, "there is no shared cache", "`shared` in [cache] names one");
  if (settings.shared.starts_with("http://") || settings.shared.starts_with("https://"))
    return fail(ErrorKind::invalid,
                fmt::format("the shared cache `{}` is a server, and keeps its own house", settings.shared),
                "run this where its directory is");
  return session.workspace->tree().absolute(settings.shared);
}

void print_amount(std::string_view what, const Amount& amount) {
  print_out("{:<12} {:>8}  {:>10}\n", what, amount.files, format_size(amount.bytes));
}

void print_lookups(const std::vector<LookupCount>& counts) {
  if (counts.empty()) return;
  print_out("\nlook-ups of the last {} runs\n", counted_runs);
  for (const LookupCount& count : counts)
    print_out("{:<12} {:>8}  {:<6}  {}\n", count.rule, count.count, to_string(count.answer), count.reason);
}

JsonArray to_json(const std::vector<LookupCount>& counts) {
  JsonArray array;
  for (const LookupCount& count : counts) {
    JsonObject object;
    object.set("rule", count.rule);
    object.set("answer", to_string(count.answer));
    object.set("reason", count.reason);
    object.set("count", Json(count.count));
    array.emplace_back(std::move(object));
  }
  return array;
}

int print_stats(const Invocation& invocation, Session& session, const std::string& directory) {
  const Result<CacheScan> scan = scan_cache(session.workspace->disk(), directory);
  if (!scan) {
    report(session, scan.error());
    return exit_environment;
  }
  const CacheStats stats = stats_of(*scan);
  const std::vector<LookupCount> counts =
      session.workspace->db().lookups(counted_runs).value_or(std::vector<LookupCount>{});
  if (invocation.json) {
    JsonObject document = versioned_document();
    document.set("directory", directory);
    set_stats(document, stats);
    document.set("lookups", to_json(counts));
    print_document(std::move(document));
    return exit_done;
  }
  print_out("{}\n", directory);
  print_amount("results", stats.results);
  print_amount("blobs", stats.blobs);
  print_amount("temporaries", stats.temporaries);
  print_amount("quarantine", stats.quarantine);
  print_lookups(counts);
  return exit_done;
}

int verify(const Invocation& invocation, Session& session, const std::string& directory) {
  Disk& disk = session.workspace->disk();
  CacheDirectory cache(disk, directory);
  const Result<VerifyReport> found = verify_cache(disk, cache, invocation.repair ? Repair::quarantine : Repair::no);
  if (!found) {
    report(session, found.error());
    return exit_environment;
  }
  std::size_t left = 0;
  JsonArray faults;
  for (const CacheFault& fault : found->faults) {
    if (!fault.repaired) ++left;
    const std::string path = cache.path_of(fault.kind, fault.digest);
    if (!invocation.json) print_out("{} {}{}\n", path, fault.what, fault.repaired ? ", and has been moved away" : "");
    JsonObject object;
    object.set("path", path);
    object.set("fault", fault.what);
    object.set("repaired", Json(fault.repaired));
    faults.emplace_back(std::move(object));
  }
  const CacheStats& checked = found->checked;
  if (invocation.json) {
    JsonObject document = versioned_document();
    document.set("directory", directory);
    set_stats(document, checked);
    document.set("faults", std::move(faults));
    print_document(std::move(document));
  } else {
    print_out("checked {} results and {} blobs, {}: {}\n", checked.results.files, checked.blobs.files,
              format_size(checked.results.bytes + checked.blobs.bytes),
              found->faults.empty() ? "all is well" : fmt::format("{} faults, {} left", found->faults.size(), left));
  }
  return left == 0 ? exit_done : exit_drift;
}

void print_collected(const GcReport& report, DryRun dry_run) {
  print_out("{} {} results and {} blobs, {}; {} left\n", dry_run == DryRun::yes ? "would remove" : "removed",
            report.results.files, report.blobs.files, format_size(report.results.bytes + report.blobs.bytes),
            format_size(report.bytes_left));
  const std::uint64_t side = report.temporaries.files + report.quarantine.files;
  if (side > 0)
    print_out("{} {} files that crashes left or that were found damaged\n",
              dry_run == DryRun::yes ? "would remove" : "removed", side);
}

void print_json(const std::string& directory, const GcReport& report, DryRun dry_run) {
  JsonObject removed;
  removed.set("results", to_json(report.results));
  removed.set("blobs", to_json(report.blobs));
  removed.set("temporaries", to_json(report.temporaries));
  removed.set("quarantine", to_json(report.quarantine));
  JsonObject document = versioned_document();
  document.set("directory", directory);
  document.set("dry_run", Json(dry_run == DryRun::yes));
  document.set("removed", std::move(removed));
  document.set("bytes_left", Json(report.bytes_left));
  print_document(std::move(document));
}

int collect(const Invocation& invocation, Session& session, const std::string& directory) {
  GcLimits limits{.max_size = invocation.max_size, .max_age_ns = invocation.max_age_ns};
  if (!limits.max_size && !limits.max_age_ns && !invocation.shared)
    limits.max_size = session.planned.pipeline.cache.max_size;
  limits.min_age_ns = invocation.min_age_ns.value_or(default_min_age_ns);
  const DryRun dry_run = invocation.dry_run ? DryRun::yes : DryRun::no;
  const Result<std::optional<GcReport>> collected =
      collect_garbage(session.workspace->disk(), directory, limits, dry_run);
  if (!collected) {
    report(session, collected.error());
    return exit_environment;
  }
  if (!*collected) {
    report(session, {ErrorKind::io, fmt::format("another process is evicting from `{}`", directory), {}});
    return exit_environment;
  }
  if (invocation.json)
    print_json(directory, **collected, dry_run);
  else
    print_collected(**collected, dry_run);
  if ((*collected)->limit_is_too_small)
    print_err("warning: {}\n  = help: a limit that one build exceeds makes it run everything again and again\n",
              describe_small_limit(**collected, limits));
  return exit_done;
}

int print_path(const Invocation& invocation, const std::string& directory) {
  if (!invocation.json) {
    print_out("{}\n", directory);
    return exit_done;
  }
  JsonObject document = versioned_document();
  document.set("directory", directory);
  print_document(std::move(document));
  return exit_done;
}

// Takes no pipeline: the private key goes to the file, the public one to standard output.
int make_key(const Invocation& invocation, Session& session) {
  const Result<std::string> cwd = working_directory(invocation);
  const std::string& file = invocation.labels[1];
  const Result<PublicKey> key =
      cwd ? generate_key(file.starts_with('/') ? file : *cwd + "/" + file) : std::unexpected(cwd.error());
  if (!key) {
    report(session, key.error());
    return key.error().kind == ErrorKind::invalid ? exit_usage : exit_environment;
  }
  if (!invocation.json) {
    print_out("{}\n", to_base64(*key));
    return exit_done;
  }
  JsonObject document = versioned_document();
  document.set("public_key", to_base64(*key));
  print_document(std::move(document));
  return exit_done;
}

int run(const Invocation& invocation, Session& session) {
  if (invocation.labels.front() == "keygen") return make_key(invocation, session);
  if (const int code = open_for_cache(invocation, session); code != exit_done) return code;
  const Result<std::string> directory = directory_of(invocation, session);
  if (!directory) {
    report(session, directory.error());
    return exit_usage;
  }
  const std::string& operand = invocation.labels.front();
  if (operand == "stats") return print_stats(invocation, session, *directory);
  if (operand == "verify") return verify(invocation, session, *directory);
  if (operand == "gc") return collect(invocation, session, *directory);
  return print_path(invocation, *directory);
}

}  // namespace

int cache_command(const Invocation& invocation) {
  Session session;
  const int code = run(invocation, session);
  const bool told = code == exit_done || code == exit_drift;
  return told ? code : end_without_result(invocation, session, code);
}

}  // namespace trilock::cli
