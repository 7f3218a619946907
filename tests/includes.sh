#!/bin/sh
# Checks that no file leans on a precompiled header: whoever names something of the standard library, of C, of fmt or of
# doctest includes a header of it, itself or by one of our headers that it includes. The builds cannot tell, since
# schemas/pch/standard.hpp comes before every file there; a compiler without it would, at twice the price of the build.
# Prints each name that lacks its include, and each one of `std` that the table below does not know, and fails.
# `tests/includes.sh DIR` checks another checkout; `meson setup -Db_pch=false` has the compiler's word.
set -eu
cd "${1:-$(dirname "$0")/..}"

# A header, then what it declares. A name in several lines has a choice. `ranges::*` stands for what is not listed by itself;
# a name with `::` in front is one of C's or POSIX's, which is called so here; `=` stands for a name without a space.
# What every header of the standard library brings along is left out: std::size_t, std::nullptr_t, std::ptrdiff_t.
table='
algorithm adjacent_find all_of any_of binary_search clamp copy copy_if copy_n count count_if equal fill find find_if find_if_not
algorithm is_sorted lower_bound max max_element min min_element minmax mismatch none_of partition remove remove_if replace reverse rotate
algorithm search shuffle sort stable_sort transform unique upper_bound ranges::*
array array to_array
atomic atomic atomic_flag memory_order_acq_rel memory_order_acquire memory_order_relaxed memory_order_release
bit bit_cast countl_zero countr_zero endian has_single_bit popcount rotl
cctype isalnum isalpha isdigit islower isprint isspace isupper isxdigit tolower toupper
cerrno =errno =E*
errno.h =errno =E*
charconv chars_format errc from_chars to_chars
chrono chrono::* chrono_literals
climits =CHAR_BIT =INT_MAX =PATH_MAX
limits.h =CHAR_BIT =INT_MAX =PATH_MAX
cmath ceil floor isfinite isinf isnan nan pow round
compare is_eq is_gt is_lt partial_ordering strong_ordering weak_ordering
concepts convertible_to integral invocable same_as
condition_variable condition_variable condition_variable_any
cstdint int16_t int32_t int64_t int8_t intptr_t uint16_t uint32_t uint64_t uint8_t uintptr_t =SIZE_MAX
cstddef byte max_align_t =offsetof
cstdio FILE fclose ferror fflush fgets fopen fprintf fputc fputs fread fwrite perror printf puts remove rename snprintf sscanf
cstdio =stderr =stdin =stdout =EOF ::fdopen ::fileno ::rename ::renameat
stdio.h =stderr =stdin =stdout ::fdopen ::fileno ::rename ::renameat
cstdlib _Exit abort atexit atof atoi atol exit free getenv malloc strtod strtol strtoul strtoull system
cstdlib ::clearenv ::mkdtemp ::mkstemp ::mkostemp ::realpath ::setenv ::unsetenv
stdlib.h ::clearenv ::mkdtemp ::mkstemp ::mkostemp ::realpath ::setenv ::unsetenv
cstring memchr memcmp memcpy memmove memset strchr strcmp strerror strlen strncmp strrchr ::strsignal
ctime gmtime localtime mktime strftime time time_t tm
ctime =timespec ::clock_gettime ::gmtime_r ::localtime_r ::nanosleep ::strptime ::timegm
time.h =timespec ::clock_gettime ::gmtime_r ::localtime_r ::nanosleep ::strptime ::timegm
sys/stat.h =timespec
deque deque
exception current_exception exception exception_ptr rethrow_exception set_terminate terminate uncaught_exceptions
expected expected unexpected
filesystem filesystem filesystem::*
fstream fstream ifstream ofstream ios::*
functional bind_front equal_to function greater greater_equal hash invoke less ref cref reference_wrapper ranges::greater ranges::greater_equal
functional ranges::less
future async future promise
initializer_list initializer_list
iomanip setfill setprecision setw
iostream cerr cin cout ios::*
istream getline istream
iterator back_inserter distance istream_iterator istreambuf_iterator make_move_iterator next prev reverse_iterator advance
limits numeric_limits
list list
map map multimap
new bad_alloc launder set_new_handler
memory addressof allocator default_delete enable_shared_from_this make_shared make_unique shared_ptr unique_ptr weak_ptr
mutex call_once lock_guard mutex once_flag recursive_mutex scoped_lock unique_lock
numeric accumulate gcd iota midpoint reduce
optional make_optional nullopt optional
ostream ostream endl flush
queue priority_queue queue
random mt19937 mt19937_64 minstd_rand random_device uniform_int_distribution uniform_real_distribution bernoulli_distribution
ranges views::* ranges::subrange ranges::input_range ranges::range
ratio milli micro nano ratio
chrono milli micro nano
set multiset set
shared_mutex shared_lock shared_mutex
span as_bytes as_writable_bytes dynamic_extent span
sstream istringstream ostringstream stringstream ios::*
stdexcept invalid_argument logic_error out_of_range runtime_error
streambuf streambuf streamsize
ios ios::* streamsize
iostream streamsize
fstream streamsize
string char_traits getline stod stoi stol stoll stoul stoull string string_literals to_string u32string wstring
string_view string_view string_view_literals u8string_view wstring_view
string string_view
system_error errc error_code error_condition generic_category system_category system_error
thread jthread this_thread::* thread
tuple apply forward_as_tuple get ignore make_tuple tie tuple tuple_size_v
type_traits conditional_t decay_t enable_if_t false_type invoke_result_t is_same_v is_trivially_copyable_v is_void_v remove_cvref_t true_type
type_traits is_convertible_v is_trivially_destructible_v is_trivially_default_constructible_v is_enum_v is_base_of_v underlying_type_t is_integral_v
unordered_map unordered_map unordered_multimap
unordered_set unordered_multiset unordered_set
utility as_const declval exchange forward get in_place in_place_t make_pair move pair piecewise_construct swap to_underlying unreachable
variant get get_if holds_alternative monostate variant variant_size_v visit
vector vector
array get begin data end size
map begin data end size
span begin data end size
string begin data end erase erase_if size
vector begin data end erase erase_if size
iterator begin data end size
map erase_if
set erase_if
unordered_map erase_if
unordered_set erase_if
unistd.h ::_exit ::access ::chdir ::chown ::close ::dup ::dup2 ::execv ::execve ::execvp ::faccessat ::fchdir ::fdatasync ::fexecve ::fork
unistd.h ::fsync ::ftruncate ::getcwd ::getegid ::getentropy ::geteuid ::getgid ::getgroups ::gethostname ::getpgid ::getpid ::getppid
unistd.h ::getsid ::getuid ::isatty ::lchown ::link ::linkat ::lseek ::pipe ::pipe2 ::pread ::pwrite ::read ::readlink ::readlinkat ::rmdir
unistd.h ::setgid ::setpgid ::setsid ::setuid ::symlink ::symlinkat ::syncfs ::syscall ::sysconf ::unlink ::unlinkat ::usleep ::write
unistd.h ::copy_file_range =STDERR_FILENO =STDIN_FILENO =STDOUT_FILENO
sched.h ::sched_getaffinity ::sched_yield ::unshare =cpu_set_t
pthread.h ::pthread_*
csignal ::pthread_sigmask ::pthread_kill
signal.h ::pthread_sigmask ::pthread_kill
locale.h ::freelocale ::newlocale ::uselocale
wchar.h ::wcwidth
fmt/format.h fmt::*
fmt/ranges.h fmt::join
doctest/doctest.h =TEST_CASE =SUBCASE =CHECK =CHECK_FALSE =REQUIRE =REQUIRE_FALSE =CAPTURE =INFO =FAIL =MESSAGE doctest::*
'

find schemas cache rules engine tests -name '*.[ch]pp' | sort | TABLE=$table xargs awk '
  BEGIN {
    lines = split(ENVIRON["TABLE"], line, "\n")
    for (i = 1; i <= lines; i++) {
      count = split(line[i], word, " ")
      for (j = 2; j <= count; j++) headers[word[j]] = headers[word[j]] " " word[1]
    }
    split("size_t nullptr_t ptrdiff_t", word, " ")
    for (i in word) everywhere[word[i]] = 1
    names = "(^|[^A-Za-z0-9_:])(std|fmt|doctest)::[A-Za-z0-9_]+(::[A-Za-z0-9_]+)?"
    calls = "(^|[^A-Za-z0-9_>)\\]])::[a-z_][a-z0-9_]*"
    words = "(^|[^A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]*"
    errors = "^=E[A-Z0-9]+$"
  }
  function note(name) {
    if (!((FILENAME, name) in first)) {
      first[FILENAME, name] = FNR
      used[FILENAME] = used[FILENAME] " " name
    }
  }
  # What a line names, as the table spells it.
  function take_names(text,    rest, found) {
    for (rest = text; match(rest, names); rest = substr(rest, RSTART + RLENGTH)) {
      found = substr(rest, RSTART, RLENGTH)
      sub(/^[^a-z]/, "", found)
      sub(/^std::/, "", found)
      note(found)
    }
    for (rest = text; match(rest, calls); rest = substr(rest, RSTART + RLENGTH)) {
      found = substr(rest, RSTART, RLENGTH)
      sub(/^[^:]/, "", found)
      note(found)
    }
    for (rest = text; match(rest, words); rest = substr(rest, RSTART + RLENGTH)) {
      found = substr(rest, RSTART, RLENGTH)
      sub(/^[^A-Za-z_]/, "", found)
      found = "=" found
      if (found in headers || (found ~ errors && found !~ /^=ELF/)) note(found)
    }
  }
  # The text of a raw string, from the line after it begins.
  FNR == 1 { raw = "" }
  raw != "" {
    if (!index($0, raw)) next
    $0 = substr($0, index($0, raw) + length(raw))
    raw = ""
  }
  match($0, /R"[A-Za-z_]*\(/) {
    raw = ")" substr($0, RSTART + 2, RLENGTH - 3) "\""
    rest = substr($0, RSTART + RLENGTH)
    $0 = substr($0, 1, RSTART - 1)
    if (index(rest, raw)) {
      $0 = $0 substr(rest, index(rest, raw) + length(raw))
      raw = ""
    }
  }
  /^ *# *include/ {
    path = $0
    sub(/^[^"<]*["<]/, "", path); sub(/[">].*/, "", path)
    includes[FILENAME] = includes[FILENAME] " " path
    files[FILENAME] = 1
    next
  }
  /^ *# *(el)?if/ { next }
  {
    gsub(/\\./, ""); gsub(/"[^"]*"/, "\"\""); sub(/\/\/.*/, "")
    files[FILENAME] = 1
    take_names($0)
  }
  function reach(file,    path, count, i) {
    if (file in reached) return
    reached[file] = 1
    count = split(includes[file], path, " ")
    for (i = 1; i <= count; i++) reach(path[i])
  }
  # The headers of a name: of itself, of its first part, or of what begins like it.
  function headers_of(name,    short) {
    if (name in headers) return headers[name]
    short = name
    sub(/::[A-Za-z0-9_]+$/, "", short)
    if ((short "::*") in headers) return headers[short "::*"]
    if (name ~ /^::pthread_/) return headers["::pthread_*"]
    if (name ~ errors) return headers["=E*"]
    if (short in headers) return headers[short]
    return ""
  }
  function check(file,    name, count, i, header, choices, j, ok) {
    delete reached
    reach(file)
    count = split(used[file], name, " ")
    for (i = 1; i <= count; i++) {
      if (name[i] in everywhere) continue
      choices = split(headers_of(name[i]), header, " ")
      if (choices == 0) {
        if (name[i] ~ /^::/) continue
        print file ":" first[file, name[i]] ": `" name[i] "` is not in the table of tests/includes.sh"; bad = 1
        continue
      }
      ok = 0
      for (j = 1; j <= choices; j++) if (header[j] in reached) ok = 1
      if (ok) continue
      line_number = first[file, name[i]]
      sub(/^=/, "", name[i])
      print file ":" line_number ": `" name[i] "` needs <" header[1] ">"; bad = 1
    }
  }
  END {
    for (file in files) check(file)
    exit bad
  }
'
