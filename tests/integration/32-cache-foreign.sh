#!/usr/bin/env bash
# One directory, other programs: Debian's bazel reads and writes it as its disk cache, and Bazel's RemoteWorker serves it
# over the Remote Execution API.
. "$(dirname "$0")/lib.sh"
driver=$root/build/tests/support/cache_driver
[ -x "$driver" ] || die "no $driver: build it first"
[ "$(id -u)" = 0 ] || die "a network namespace takes root"
cache=$work/cache-directory
mkdir "$work/tree" && echo 'what the node wrote' >"$work/tree/file"
action=$("$driver" publish "$cache" node "$work/tree" | head -1)

# --- bazel ---

mkdir "$work/bazel" && cd "$work/bazel" || exit
touch WORKSPACE
cat >BUILD <<'BUILD'
genrule(name = "a", outs = ["a.txt"], cmd = "echo hello > $@")
genrule(name = "b", srcs = ["a.txt"], outs = ["b.txt"], cmd = "cat $< $< > $@")
BUILD
build_with_bazel() {
  rm -rf "$work/bazel-output"
  HOME=$work timeout 200 bazel --batch --output_user_root="$work/bazel-output" build --disk_cache="$cache" //:a //:b \
    >"$work/bazel.out" 2>&1 || { cat "$work/bazel.out"; return 1; }
}
build_with_bazel
expect_equal 'bazel builds beside us' 0 $?
expect_equal 'bazel has put its results there' 3 "$(find "$cache/ac" -type f | wc -l)"
expect_equal 'our result is still a hit' hit "$("$driver" fetch "$cache" node "$work/fetched")"
bazels=$(find "$cache/ac" -type f ! -name "$action" -printf '%f\n' | sort)
expect_match 'to us its results are whole' '^3 results, .* 0 faults$' "$("$driver" audit "$cache")"
build_with_bazel
expect_match 'bazel finds its results again' ' 2 (remote|disk) cache hit' "$(tail -n 4 "$work/bazel.out")"
expect_equal 'its entries are as it left them' "$bazels" \
  "$(find "$cache/ac" -type f ! -name "$action" -printf '%f\n' | sort)"
for file in $(find "$cache/ac" -type f ! -name "$action"); do
  expect_match "$(basename "$file" | head -c 8): no result of ours" '^other$' \
    "$("$driver" writer "$cache" "$(basename "$file")")"
done
cd "$work/bazel" && "$driver" evict "$cache" 0 1 >/dev/null
expect_equal 'eviction takes its files too' 0 "$(find "$cache/ac" "$cache/cas" -type f | wc -l)"
build_with_bazel
expect_equal 'and bazel builds all the same' 0 $?
expect_contains 'without a hit' ' 2 linux-sandbox' "$(tail -n 4 "$work/bazel.out")"

# --- RemoteWorker ---

rm -rf "$cache"
"$driver" publish "$cache" node "$work/tree" >/dev/null
entry=$cache/ac/${action:0:2}/$action
message=$cache/cas/${action:0:2}/$action
expect_file 'the action itself is among the blobs' "$message"
worker=/usr/src/bazel-bootstrap/src/tools/remote/src/main/java/com/google/devtools/build/remote/worker
mkdir "$work/classes" "$work/worker"
javac -nowarn -d "$work/classes" -cp /usr/share/bazel/A-server.jar "$worker"/*.java "$worker"/http/*.java \
  "$root/tests/support/AskWorker.java" >"$work/javac" 2>&1 || die "$(cat "$work/javac")"
# The worker listens on all addresses, so it gets a network of its own, with the one who asks.
timeout 90 unshare --net bash -c '
  ip link set lo up
  java -cp "$1/classes:/usr/share/bazel/A-server.jar" com.google.devtools.build.remote.worker.RemoteWorker \
    --listen_port=8980 --work_path="$1/worker" --cas_path="$2" >"$1/worker.log" 2>&1 &
  worker=$!
  trap "kill $worker" EXIT
  for try in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/8980) 2>/dev/null && break; sleep 0.2; done
  java -cp "$1/classes:/usr/share/bazel/A-server.jar" AskWorker 8980 "$3" "$4" "$1/answer"
' worker "$work" "$cache" "$action" "$(stat -c %s "$message")" >"$work/ask.log" 2>&1
expect_equal 'the worker answers for our key' 0 $?
[ -f "$work/answer" ] || sed 's/^/    /' "$work/ask.log" "$work/worker.log" | head -60
cmp -s "$work/answer" "$entry" && pass 'with the bytes of our result, seal and all' ||
  fail 'with the bytes of our result, seal and all' "$(diff <(xxd "$work/answer") <(xxd "$entry"))"
expect_equal 'and has every blob of it' 'missing: 0' "$(tail -1 "$work/ask.log")"
