#include "schemas/pipeline.hpp"
#include "schemas/amounts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "schemas/amounts.hpp"
#include "schemas/declarations.hpp"
#include "schemas/expand.hpp"
#include "schemas/findings.hpp"
#include "schemas/include.hpp"
#include "schemas/interpolate.hpp"
#include "schemas/key_lists.hpp"
#include "schemas/link.hpp"
#include "schemas/secret_names.hpp"
#include "schemas/vars.hpp"

namespace trilock {
namespace {

// Replaces references in the strings of [cache], which must be literals afterwards.
class CacheReader {
 public:
  CacheReader(Config& config, std::span<const RuleKeys> rules, Variables& variables, const SourceMap& sources,
              Findings& findings)
      : config_(config),
        table_(std::get<ConfigTable>(config.data)),
        rules_(rules),
        variables_(variables),
        sources_(sources),
        findings_(findings) {}

  CacheSettings read() {
    CacheSettings settings;
    settings.dir = take("dir");
    const TextSource source = source_of_shared(settings);
    settings.mode = take("mode") == "read-write" ? CacheMode::read_write : CacheMode::read;
    settings.name_space = take("namespace");
    settings.sign_key = take("sign-key");
    if (const auto entry = find("trusted-keys"); entry != table_.entries.end())
      if (auto* keys = std::get_if<ConfigArray>(&entry->value.data))
        for (Config& key : *keys) settings.trusted_keys.push_back(replace(key));
    if (const Config* images = table_.find("images"))
      if (const bool* flag = std::get_if<bool>(&images->data)) settings.images = *flag;
    settings.max_size = parse_size(take("max-size"));

    const std::array<std::span<const KeySpec>, 1> allowed = {cache_keys()};
    Diagnostics found = Diagnostics::unbounded();
    check_keys(table_, "cache", config_.place, allowed, found);
    // A diagnostic shows the line of its place, which must not be one with a password.
    const Place place =
        settings.shared.empty() || settings.shared.contains('@') ? config_.place : table_.find("shared")->place;
    if (const std::optional<UrlFault> fault = fault_of_shared(settings.shared)) {
      found.error(place, fault->message, fault->help);
    } else if (source == TextSource::assembled && settings.shared_kind() == SharedKind::http) {
      // Otherwise the file could send a part of the environment to a server of its own.
      found.error(place, "the URL of the cache is put together from references",
                  "write it as it is, or take all of it from one variable: `shared = \"${env.CACHE_URL}\"`");
    }
    findings_.absorb_new_places(found);
    return settings;
  }

 private:
  std::vector<ConfigEntry>::iterator find(std::string_view key) {
    return std::ranges::find(table_.entries, key, &ConfigEntry::key);
  }

  std::string take(std::string_view key) {
    const auto entry = find(key);
    return entry == table_.entries.end() ? std::string() : replace(entry->value);
  }

  TextSource source_of_shared(CacheSettings& settings) {
    const Config* value = table_.find("shared");
    const std::string written = value == nullptr || value->text() == nullptr ? "" : value->text()->literal;
    settings.shared = take("shared");
    if (settings.shared.empty()) return TextSource::file;
    const TextSource source = variables_.source_of(written);
    settings.shared_from_runner = source == TextSource::runner;
    return source;
  }

  std::string replace(Config& from) {
    Text* text = std::get_if<Text>(&from.data);
    if (text == nullptr) return {};
    std::optional<std::string> value = interpolate_plain(from, "[cache]", rules_, variables_, sources_, findings_);
    *text = Text{std::move(value).value_or(""), {}};
    return text->literal;
  }

  Config& config_;
  ConfigTable& table_;
  std::span<const RuleKeys> rules_;
  Variables& variables_;
  const SourceMap& sources_;
  Findings& findings_;
};

void check_pool(const Target& target, const std::vector<Pool>& pools, Findings& findings) {
  const Config* pool = target.table.find("pool");
  const Text* name = pool == nullptr ? nullptr : pool->text();
  if (name == nullptr || !name->is_literal() || findings.is_faulty(pool->place)) return;
  if (std::ranges::find(pools, name->literal, &Pool::name) != pools.end()) return;
  std::vector<std::string_view> names;
  for (const Pool& known : pools) names.push_back(known.name);
  std::string help = did_you_mean(name->literal, names);
  if (help.empty()) help = names.empty() ? "there is no [pools]" : fmt::format("[pools] has {}", quote_list(names));
  findings.error(pool->place, fmt::format("unknown pool `{}`", name->literal), std::move(help));
}

void check_targets(const std::vector<ExpandedTable>& tables, const Pipeline& pipeline, const KeyLists& keys,
                   Findings& findings) {
  for (const ExpandedTable& table : tables) {
    const std::size_t distinct = table.size() > 1 && table.same_for_all() ? 1 : table.size();
    for (std::size_t i = 0; i < distinct; ++i) {
      const Target& target = pipeline.targets[table.first + i];
      keys.check_complete(table.rule, target.table, table.title, table.place, findings);
      check_pool(target, pipeline.pools, findings);
    }
  }
}

std::size_t end_of_name(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && is_name(text.substr(end, 1))) ++end;
  return end;
}

// A template is read again, and its faults are reported, when its node is planned; the variables that it refers to must
// have their values by then.
void evaluate_for_templates(const std::vector<Target>& targets, Variables& variables, PipelineWorld& world) {
  constexpr std::string_view opening = "${var.";
  std::set<std::filesystem::path> seen;
  for (const Target& target : targets) {
    const Config* file = target.table.find("template");
    const Config* dir = target.table.find("dir");
    if (file == nullptr || file->text() == nullptr) continue;
    std::filesystem::path path = file->text()->literal;
    if (dir != nullptr && dir->text() != nullptr) path = dir->text()->literal / path;
    if (!seen.insert(path).second) continue;
    const std::string name = path_beside("", path.generic_string());
    const Result<std::string> text = name.empty() ? fail(ErrorKind::invalid, "") : world.read_file(name);
    if (!text) continue;
    for (auto at = text->find(opening); at != text->npos; at = text->find(opening, at + 1)) {
      const std::size_t begin = at + opening.size();
      const std::string variable = text->substr(begin, end_of_name(*text, begin) - begin);
      if (variables.declares(variable)) (void)variables.variable(variable, file->place);
    }
  }
}

SecretNames secrets_in(const std::vector<PipelineFile>& files) {
  SecretNames found;
  for (const PipelineFile& file : files) add_secret_names(file.table, found);
  return found;
}

// Names that were written with references are known where their tables could be expanded.
void take_secret_names(SecretNames found, Pipeline& pipeline) {
  if (!found.patterns.empty())
    for (const Target& target : pipeline.targets) add_secret_names(target.table, found);
  for (std::vector<std::string>* names : {&found.names, &found.patterns}) {
    std::ranges::sort(*names);
    const auto repeated = std::ranges::unique(*names);
    names->erase(repeated.begin(), repeated.end());
  }
  pipeline.secret_names = std::move(found.names);
  pipeline.secret_patterns = std::move(found.patterns);
}

}  // namespace

Pipeline load_pipeline(const LoadOptions& options, std::span<const RuleKeys> rules, PipelineWorld& world,
                       SourceMap& sources, Diagnostics& diagnostics) {
  Pipeline pipeline;
  Findings findings(diagnostics);
  const std::size_t errors_before = diagnostics.error_count();
  std::vector<PipelineFile> files = read_pipeline_files(options.path, options.choice, world, sources, findings);
  const bool all_read = diagnostics.error_count() == errors_before;
  SecretNames secrets = secrets_in(files);

  Variables variables(world, rules, sources, findings);
  const KeyLists keys(rules);
  Declarations declared = gather_declarations(std::move(files), rules, keys, variables, findings);
  pipeline.name = std::move(declared.name);
  pipeline.pools = std::move(declared.pools);

  // With a file missing or broken, every name that it declares would be reported as unknown.
  if (all_read) {
    for (const auto& [name, value] : options.var_overrides) variables.override_with(name, value);
    if (declared.cache) pipeline.cache = CacheReader(*declared.cache, rules, variables, sources, findings).read();
    std::vector<ExpandedTable> tables;
    tables.reserve(declared.tables.size());
    for (TableDeclaration& table : declared.tables) {
      const ConfigTable& defaults = declared.defaults[table.rule];
      tables.push_back(expand_table(std::move(table), defaults, rules, variables, sources, findings, pipeline.targets));
    }
    link_targets(tables, rules, options.choice, pipeline.targets, variables.budget(), findings);
    check_targets(tables, pipeline, keys, findings);
    evaluate_for_templates(pipeline.targets, variables, world);
    pipeline.vars = variables.resolved();
    pipeline.read_files = variables.read_files();
    pipeline.build_index();
  }
  take_secret_names(std::move(secrets), pipeline);
  if (!diagnostics.has_errors()) pipeline.secret_patterns.clear();
  diagnostics.sort_by_place();
  return pipeline;
}

std::string_view Target::title() const {
  return std::string_view(label).substr(0, label.find('['));
}

std::string_view Target::name() const {
  return title().substr(rule.size() + 1);
}

void Pipeline::build_index() {
  index_.build(targets.size(), [this](std::size_t i) -> std::string_view { return targets[i].label; });
}

const Target* Pipeline::find(std::string_view label) const {
  if (index_.count() != targets.size()) {
    const auto found = std::ranges::find(targets, label, &Target::label);
    return found == targets.end() ? nullptr : &*found;
  }
  const auto place = index_.find(label, [this](std::size_t i) -> std::string_view { return targets[i].label; });
  return place ? &targets[*place] : nullptr;
}

}  // namespace trilock
