#!/usr/bin/env bash
# A cache directory under load and under attack, on a real file system, and what `trilock cache` says and does about it.
. "$(dirname "$0")/lib.sh"
driver=$root/build/tests/support/cache_driver
[ -x "$driver" ] || die "no $driver: build it first"
cache=$work/shared

# --- many at once, some of them killed ---

# Eight processes look up, check what they restore against what it must be, and publish, while another evicts. Three of
# the eight are killed in the middle of it, again and again.
seconds=${TRILOCK_STRESS_SECONDS:-15}
"$driver" evict "$cache" 3000000 "$seconds" >"$work/evict.out" 2>&1 &
evicting=$!
pids=()
for seed in 1 2 3 4 5; do
  "$driver" hammer "$cache" "$seed" "$seconds" >"$work/hammer.$seed" 2>&1 &
  pids+=($!)
done
deadline=$((SECONDS + seconds - 2))
kills=0
while [ $SECONDS -lt $deadline ]; do
  victims=()
  for seed in 6 7 8; do
    "$driver" hammer "$cache" "$seed$kills" "$seconds" >"$work/victim.$seed" 2>&1 &
    victims+=($!)
  done
  sleep "0.$((RANDOM % 6 + 3))"
  for pid in "${victims[@]}"; do
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    [ $? = 137 ] || fail 'a process that was killed had not ended by itself' "$(cat "$work"/victim.*)"
    kills=$((kills + 1))
  done
done
survived=0
for pid in "${pids[@]}"; do wait "$pid" && survived=$((survived + 1)); done
expect_equal 'every process that was not killed found only what is right, and no error' 5 "$survived"
[ $survived = 5 ] || sed 's/^/    /' "$work"/hammer.*
wait $evicting
expect_equal 'eviction beside them had no error' 0 $?
expect_match 'there were hits' '^[1-9][0-9]* hits' "$(cat "$work"/hammer.*)"
expect_match 'there were evictions' '^[1-9][0-9]* files evicted' "$(cat "$work/evict.out")"
[ $kills -ge 9 ] && pass "killed $kills processes" || fail 'too few were killed to mean anything' "$kills"
# Evicting without a minimum age takes blobs that a result was just about to rest on. That is a miss, and all there may be.
audit=$("$driver" audit "$cache")
expect_match 'something is left to be looked at' '^[1-9][0-9]* results, [1-9][0-9]* blobs' "$audit"
expect_equal 'every blob has its digest, every result is whole' '' \
  "$(grep -v 'refers to a blob that is missing$' <<<"$audit" | head -n -1)"
rm -rf "$cache"*

# --- what someone, or a bad disk, puts in place of files ---

tree=$work/tree
mkdir -p "$tree/sub"
echo 'what the node wrote' >"$tree/file"
echo 'and more of it' >"$tree/sub/other"
head -c 200000 /dev/urandom >"$tree/large"
action=$("$driver" publish "$cache" node "$tree" | head -1)
entry=$cache/ac/${action:0:2}/$action
blob_of() { # file
  local hex
  hex=$(sha256sum <"$1" | cut -d' ' -f1)
  echo "$cache/cas/${hex:0:2}/$hex"
}

# After a change of a file of the cache: a miss, one warning, nothing wrong restored, and in time.
expect_miss() { # what, file that was changed
  local answer
  answer=$(timeout 20 "$driver" fetch "$cache" node "$work/fetched")
  local code=$?
  expect_equal "$1: a miss with one warning" '0 miss 1' "$code $(head -1 <<<"$answer") $(grep -c ^warning: <<<"$answer")"
  [ -d "$2" ] || expect_no_file "$1: the file is out of the way" "$2"
  rm -rf "$work/fetched" "$cache" "$work/elsewhere"
  "$driver" publish "$cache" node "$tree" >/dev/null
  expect_equal "$1: a hit again once it is published anew" hit "$("$driver" fetch "$cache" node "$work/fetched")"
  rm -rf "$work/fetched"
}

for file in "$entry" "$(blob_of "$tree/file")" "$(blob_of "$tree/large")"; do
  kind=$(cut -d/ -f1 <<<"${file#"$cache/"}") size=$(stat -c %s "$file")
  name="$kind of $size bytes"
  cp "$file" "$work/saved"

  truncate -s $((size / 2)) "$file"
  expect_miss "$name cut in half" "$file"

  printf '\001' | dd of="$file" bs=1 seek=$((size / 3)) conv=notrunc status=none
  expect_miss "$name with another byte" "$file"

  cp "$(blob_of "$tree/sub/other")" "$file"
  expect_miss "$name swapped for a good blob" "$file"

  rm "$file" && mkdir "$file" && echo x >"$file/x"
  expect_miss "$name replaced by a directory" "$file/x"

  rm "$file" && ln -s nowhere "$file"
  expect_miss "$name replaced by a symlink to nowhere" "$file"

  cp "$file" "$work/elsewhere" && rm "$file" && ln -s "$work/elsewhere" "$file"
  expect_miss "$name replaced by a symlink to the same bytes" "$file"

  rm "$file" && mkfifo "$file"
  expect_miss "$name replaced by a fifo" "$file"
done

truncate -s 0 "$entry"
expect_equal 'an empty result is one of another program: a miss without a word' miss \
  "$("$driver" fetch "$cache" node "$work/fetched")"
expect_file 'and is left alone' "$entry"
rm -rf "$work/fetched" "$cache"

# A directory of the cache that leads elsewhere is neither filled nor emptied.
mkdir -p "$cache" "$work/victim"
ln -s "$work/victim" "$cache/cas"
"$driver" publish "$cache" node "$tree" >/dev/null 2>"$work/err" && fail 'publishing through a symlink fails'
expect_contains 'it says why' "\`$cache/cas\` is not a directory" "$(cat "$work/err")"
expect_equal 'nothing was written where it leads' '' "$(ls "$work/victim")"
rm -rf "$cache"

# --- users of one group ---

if [ "$(id -u)" = 0 ]; then
  chmod 755 "$work"
  own_driver=$driver
  driver=$(for_others "$driver")
  install -d -m 2775 -g games "$cache"
  as() { setpriv --reuid "$1" --regid "$1" --groups games -- bash -c "umask 002; cd /; $2"; }
  as 12001 "'$driver' publish '$cache' node '$tree'" >/dev/null
  expect_equal 'one user of the group publishes' 0 $?
  mkdir -m 777 "$work/second"
  expect_equal 'a second user of the group restores what the first published' hit \
    "$(as 12002 "'$driver' fetch '$cache' node '$work/second/out'")"
  touch -d '3 hours ago' "$entry"
  expect_equal 'what was published long ago is there' "$entry" "$(find "$entry" -mmin +10)"
  as 12002 "'$driver' fetch '$cache' node '$work/second/again'" >/dev/null
  expect_equal 'and marks it as used' "$entry" "$(find "$entry" -mmin -10)"
  echo changed >"$tree/file"
  as 12002 "'$driver' publish '$cache' node '$tree'" >/dev/null
  expect_equal 'and may replace it' 0 $?
  rm -rf "$cache"
  driver=$own_driver
fi

# --- trilock cache ---

mkdir "$work/ws" && cd "$work/ws" || exit
cat >trilock.toml <<TOML
[cache]
dir = "$cache"
shared = "$work/volume"
max-size = "1M"
TOML
trilock cache path
expect_equal 'path prints the directory' "$cache" "$out"
trilock cache stats
expect_code 'stats of a directory that is not there yet' 0
expect_no_file 'and does not make it' "$cache"

"$driver" publish "$cache" node "$tree" >/dev/null
echo more >"$tree/more"
"$driver" publish "$cache" second "$tree" >/dev/null
trilock cache stats --json
files=$(find "$cache/cas" -type f | wc -l)
expect_equal 'stats counts what is there' "2 $files $(du -cb $(find "$cache/cas" -type f) | tail -1 | cut -f1)" \
  "$(jq -r '"\(.results.files) \(.blobs.files) \(.blobs.bytes)"' <<<"$out")"
trilock cache stats
expect_match 'stats for people' "^blobs +$files +[0-9.]+ KiB$" "$out"

trilock cache verify
expect_code 'verify: all is well' 0
printf x | dd of="$(blob_of "$tree/more")" conv=notrunc status=none
trilock cache verify --json
expect_code 'verify finds damage' 3
expect_equal 'and names it' "$(blob_of "$tree/more") has other bytes false" \
  "$(jq -r '.faults[] | "\(.path) \(.fault) \(.repaired)"' <<<"$out")"
trilock cache verify --repair
expect_code 'verify --repair mends it' 0
expect_contains 'the result that lacked it then goes too' 'refers to a blob that is missing, and has been moved away' "$out"
trilock cache verify
expect_code 'and all is well again' 0

trilock cache gc --max-size 10
expect_code 'gc: what is young stays' 0
expect_contains 'with a warning that the limit is too small' \
  'warning: the cache may take 10 B, but what was used in the last 6 hours takes' "$err"
expect_contains 'nothing was removed' 'removed 0 results and 0 blobs' "$out"
find "$cache" -type f -exec touch -d '2 days ago' {} +
trilock cache gc --max-age 36h --dry-run --json
expect_equal 'gc --dry-run says what would go' "1 true" "$(jq -r '"\(.removed.results.files) \(.dry_run)"' <<<"$out")"
expect_file 'and removes nothing' "$entry"
trilock cache gc --max-age 3d
expect_file 'gc --max-age: what is younger stays' "$entry"
trilock cache gc
expect_file 'gc takes the limit of the pipeline: it is not reached' "$entry"
trilock cache gc --max-age 36h
expect_no_file 'gc --max-age: what is older goes' "$entry"
expect_equal 'and its blobs' 0 "$(find "$cache/cas" -type f | wc -l)"

"$driver" publish "$work/volume" node "$tree" >/dev/null
trilock cache gc --shared --max-size 0 --min-age 0
expect_equal 'gc --shared works on the shared directory' 0 "$(find "$work/volume/cas" -type f | wc -l)"
for usage in 'cache' 'cache stat' 'cache gc --max-size 5X' 'cache gc --max-age 5' 'cache stats --repair' 'cache verify -n'; do
  # shellcheck disable=SC2086
  trilock $usage
  expect_code "trilock $usage: a usage error" 2
done
sed -i 's/1M/lots/' trilock.toml
trilock cache path
expect_code 'a size that is none is an error of the pipeline' 2
expect_contains 'at its place' 'trilock.toml:4:12' "$err"
cd / && trilock cache path
expect_equal 'outside of every workspace path prints the default' "$XDG_CACHE_HOME/trilock" "$out"
