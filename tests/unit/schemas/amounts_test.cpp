#include "schemas/amounts.hpp"

#include <doctest/doctest.h>

namespace trilock {

TEST_CASE("sizes: units of 1024 and of 1000, and bytes alone") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("512") == 512);
  CHECK(parse_size("512B") == 512);
  CHECK(parse_size("1K") == 1024);
  CHECK(parse_size("1KB") == 1000);
  CHECK(parse_size("1.5MiB") == 1'572'864);
  CHECK(parse_size("10 GB") == 10'000'000'000);
  CHECK(parse_size("2T") == 2'199'023'255'552);
  for (const char* wrong :
       {"", "G", "-1", "+1", "1g", "1 000", "1e3", "1.5.5M", "nan", "inf", "0x10", "9999999T", "1G "})
    CHECK_MESSAGE(!parse_size(wrong), wrong);
}

TEST_CASE("ages: a number and a unit") {
  constexpr std::int64_t second = 1'000'000'000;
  CHECK(parse_age("0") == 0);
  CHECK(parse_age("90s") == 90 * second);
  CHECK(parse_age("45m") == 2700 * second);
  CHECK(parse_age("12h") == 43'200 * second);
  CHECK(parse_age("30d") == 2'592'000 * second);
  CHECK(parse_age("2w") == 1'209'600 * second);
  for (const char* wrong : {"", "5", "d", "1y", "-1d", "99999999w"}) CHECK_MESSAGE(!parse_age(wrong), wrong);
}

}  // namespace trilock
