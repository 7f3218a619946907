#include "rules/terraform/environment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cache/hash.hpp"

namespace trilock {
namespace {

using namespace std::string_view_literals;

// How terraform works, not what it does.
constexpr std::array working = {"TF_CLI_CONFIG_FILE"sv, "TERRAFORM_CONFIG"sv, "TF_PLUGIN_CACHE_DIR"sv,
                                "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"sv, "TF_REGISTRY_DISCOVERY_RETRY"sv,
                                "TF_REGISTRY_CLIENT_TIMEOUT"sv, "TF_LOG"sv, "TF_LOG_CORE"sv, "TF_LOG_PROVIDER"sv,
                                "TF_LOG_PATH"sv, "TF_TOKEN_app_terraform_io"sv, "HTTP_PROXY"sv, "HTTPS_PROXY"sv,
                                "NO_PROXY"sv, "http_proxy"sv, "https_proxy"sv, "no_proxy"sv, "SSL_CERT_FILE"sv,
                                "SSL_CERT_DIR"sv, "SSH_AUTH_SOCK"sv, "GIT_SSH_COMMAND"sv,
                                // The credential helpers of the cloud providers look here.
                                "XDG_CONFIG_HOME"sv, "XDG_CACHE_HOME"sv};

// Who is asking: credentials. Two people who may do the same get the same result.
constexpr std::array credentials = {"AWS_ACCESS_KEY_ID"sv,
                                    "AWS_SECRET_ACCESS_KEY"sv,
                                    "AWS_SESSION_TOKEN"sv,
                                    "AWS_SECURITY_TOKEN"sv,
                                    "AWS_SHARED_CREDENTIALS_FILE"sv,
                                    "AWS_CONFIG_FILE"sv,
                                    "AWS_SDK_LOAD_CONFIG"sv,
                                    "AWS_WEB_IDENTITY_TOKEN_FILE"sv,
                                    "AWS_ROLE_SESSION_NAME"sv,
                                    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"sv,
                                    "AWS_CONTAINER_CREDENTIALS_FULL_URI"sv,
                                    "AWS_CONTAINER_AUTHORIZATION_TOKEN"sv,
                                    "AWS_EC2_METADATA_DISABLED"sv,
                                    "AWS_CA_BUNDLE"sv,
                                    "GOOGLE_APPLICATION_CREDENTIALS"sv,
                                    "GOOGLE_CREDENTIALS"sv,
                                    "GOOGLE_CLOUD_KEYFILE_JSON"sv,
                                    "GCLOUD_KEYFILE_JSON"sv,
                                    "GOOGLE_OAUTH_ACCESS_TOKEN"sv,
                                    "GOOGLE_BACKEND_CREDENTIALS"sv,
                                    "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"sv,
                                    "CLOUDSDK_CONFIG"sv,
                                    "ARM_CLIENT_ID"sv,
                                    "ARM_CLIENT_SECRET"sv,
                                    "ARM_CLIENT_CERTIFICATE_PATH"sv,
                                    "ARM_CLIENT_CERTIFICATE_PASSWORD"sv,
                                    "ARM_USE_MSI"sv,
                                    "ARM_MSI_ENDPOINT"sv,
                                    "ARM_USE_OIDC"sv,
                                    "ARM_OIDC_TOKEN"sv,
                                    "ARM_OIDC_TOKEN_FILE_PATH"sv,
                                    "ARM_OIDC_REQUEST_TOKEN"sv,
                                    "ARM_OIDC_REQUEST_URL"sv,
                                    "ARM_ACCESS_KEY"sv,
                                    "ARM_SAS_TOKEN"sv,
                                    "AZURE_CONFIG_DIR"sv,
                                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN"sv,
                                    "ACTIONS_ID_TOKEN_REQUEST_URL"sv,
                                    "DIGITALOCEAN_TOKEN"sv,
                                    "DIGITALOCEAN_ACCESS_TOKEN"sv,
                                    "HCLOUD_TOKEN"sv,
                                    "CLOUDFLARE_API_TOKEN"sv,
                                    "GITHUB_TOKEN"sv,
                                    "GITLAB_TOKEN"sv,
                                    "VAULT_TOKEN"sv,
                                    "TFE_TOKEN"sv,
                                    "PGUSER"sv,
                                    "PGPASSWORD"sv,
                                    "TF_HTTP_USERNAME"sv,
                                    "TF_HTTP_PASSWORD"sv,
                                    "CONSUL_HTTP_TOKEN"sv,
                                    "OS_USERNAME"sv,
                                    "OS_PASSWORD"sv};

// Where: the account, the region, the cluster. Another value means another infrastructure, so it is in the key.
constexpr std::array places = {"AWS_PROFILE"sv,
                               "AWS_REGION"sv,
                               "AWS_DEFAULT_REGION"sv,
                               "AWS_ROLE_ARN"sv,
                               "AWS_ENDPOINT_URL"sv,
                               "AWS_ENDPOINT_URL_S3"sv,
                               "AWS_ENDPOINT_URL_DYNAMODB"sv,
                               "GOOGLE_PROJECT"sv,
                               "GOOGLE_CLOUD_PROJECT"sv,
                               "GCLOUD_PROJECT"sv,
                               "CLOUDSDK_CORE_PROJECT"sv,
                               "GOOGLE_REGION"sv,
                               "GOOGLE_ZONE"sv,
                               "ARM_SUBSCRIPTION_ID"sv,
                               "ARM_TENANT_ID"sv,
                               "ARM_ENVIRONMENT"sv,
                               "KUBECONFIG"sv,
                               "KUBE_CONFIG_PATH"sv,
                               "KUBE_CTX"sv,
                               "VAULT_ADDR"sv,
                               "VAULT_NAMESPACE"sv,
                               "TFE_HOSTNAME"sv,
                               "TF_CLOUD_ORGANIZATION"sv,
                               "TF_CLOUD_HOSTNAME"sv,
                               "TF_CLOUD_PROJECT"sv,
                               "PGHOST"sv,
                               "PGPORT"sv,
                               "PGDATABASE"sv,
                               "PG_CONN_STR"sv,
                               "PG_SCHEMA_NAME"sv,
                               "TF_HTTP_ADDRESS"sv,
                               "TF_HTTP_LOCK_ADDRESS"sv,
                               "TF_HTTP_UNLOCK_ADDRESS"sv,
                               "CONSUL_HTTP_ADDR"sv,
                               "OS_CLOUD"sv,
                               "OS_AUTH_URL"sv,
                               "OS_REGION_NAME"sv,
                               "OS_PROJECT_NAME"sv};

bool names(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool declares(const Node& node, std::string_view name) {
  const auto same = [&](const auto& entry) { return entry.first == name; };
  return names(node.pass_env, name) || names(node.secret_env, name) ||
         std::any_of(node.env.begin(), node.env.end(), same);
}

}  // namespace

std::string data_dir(std::string_view state, std::string_view label) {
  std::string name;
  bool changed = false;
  for (const char c : label) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    name += plain ? c : '_';
    changed |= !plain;
  }
  // Two labels may become one name, on a file system without regard to case too, and a long one no name at all.
  constexpr std::size_t longest = 100;
  if (changed || name.size() > longest) name = name.substr(0, longest) + "-" + fast_digest(label).hex().substr(0, 12);
  return fmt::format("{}/terraform/{}", state, name);
}

std::vector<EnvVar> terraform_environment(const Node& node, const TerraformSettings& settings, std::string_view state,
                                          ResolveContext& context) {
  std::vector<EnvVar> env;
  const auto set = [&](std::string_view name, std::string value, EnvClass kind) {
    if (!declares(node, name)) env.push_back({std::string(name), std::move(value), kind});
  };
  const auto pass = [&](std::string_view name, EnvClass kind) {
    if (auto value = context.environment(std::string(name))) set(name, std::move(*value), kind);
  };
  for (const auto name : working) pass(name, EnvClass::ambient);
  if (settings.reaches_out) {
    for (const auto name : credentials) pass(name, EnvClass::ambient);
    for (const auto name : places) pass(name, EnvClass::passed);
    for (const TerraformVariable& variable : settings.variables) {
      pass("TF_VAR_" + variable.name, variable.sensitive ? EnvClass::secret : EnvClass::passed);
    }
  }
  set("TF_IN_AUTOMATION", "1", EnvClass::ambient);
  set("TF_INPUT", "0", EnvClass::ambient);
  set("CHECKPOINT_DISABLE", "1", EnvClass::ambient);
  env.push_back({"TF_DATA_DIR", data_dir(state, node.label), EnvClass::ambient});
  if (settings.workspace == "default") env.push_back({"TF_WORKSPACE", "default", EnvClass::ambient});
  std::sort(env.begin(), env.end(), [](const EnvVar& a, const EnvVar& b) { return a.name < b.name; });
  return env;
}

}  // namespace trilock
