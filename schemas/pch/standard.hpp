// Precompiled: the standard headers that nearly every file here includes, and fmt. Files include what they use all the
// same; the clang build of the tests runs without this, so a missing include is found.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
