#include "schemas/action.hpp"

namespace trilock {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::unchanged:
      return "unchanged";
    case Outcome::restored:
      return "restored";
    case Outcome::ran:
      return "ran";
    case Outcome::failed:
      return "failed";
    case Outcome::skipped:
      return "skipped";
    case Outcome::cancelled:
      return "cancelled";
    case Outcome::waiting:
      return "waiting";
  }
  return "";
}

}  // namespace trilock
