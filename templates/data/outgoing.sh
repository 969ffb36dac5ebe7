# shellcheck shell=bash disable=SC2034,SC2154
# Upload a declared output, and verify it at the server. An equal file at the destination is left alone. A different
# one is an error. A file gets its final name only when it is complete.
#
# More facts: dataset lifetime overwrite

stage_out() {
  if [[ $scheme == rucio ]]; then stage_out_did; else stage_out_url; fi
}

# Set the size and checksum of the local file.
look_at_file() { # -> $bytes $adler32
  [[ ! -d $path ]] || fail "$path is a directory; an output is a file"
  [[ -f $path ]] || fail "$path does not exist: no step made it"
  is_inside "$path" || fail "$path is a link that leads out of the workspace"
  [[ -r $path ]] || fail "$path cannot be read"
  bytes=$(bytes_of "$path")
  adler32=$(adler32_of "$path") || exit
}

stage_out_did() {
  local bytes adler32
  look_at_file
  set_style
  persist find_did
  if [[ ,$places == *",$rse,"* ]]; then report "$address is at $rse already"
  else persist upload_did
  fi
  persist ensure_rule
  [[ -z $dataset ]] || persist attach_did
  report "$address: $bytes bytes at $rse${dataset:+, in the dataset $dataset}"
}

# Ask the catalogue for the file. Sets state to absent or present, and places to "RSE,RSE,".
find_did() { # -> $state $places
  local did known_bytes known_adler32 md5
  state=absent places=
  list_files "$address" || {
    local code=$?
    [[ $why == *'not found'* && $why == *[Ii]dentifier* ]] && return 0
    return "$code"
  }
  state=present
  read -r did known_bytes known_adler32 md5 places <"$scratch/files" || did=
  [[ $did == "$address" ]] || { why="$address is a dataset; choose another name"; return "$LASTING"; }
  verify "$path" "$known_bytes" "$known_adler32" "$md5" || {
    why="$address is registered with other content ($why); choose another name, because Rucio never changes a file"
    return "$LASTING"
  }
}

# The client registers the file under its name on disk. Some versions have no option for another name.
upload_did() {
  local name=${address#*:}
  mkdir -p "$scratch/up" && ln -sfT "$PWD/$path" "$scratch/up/$name"
  # The client registers the file after the upload. It overwrites what an earlier attempt left in the storage.
  run rucio_client upload --rse "$rse" --scope "${address%%:*}" --register-after-upload \
    ${lifetime:+--lifetime "$lifetime"} "$scratch/up/$name" || return
  # This client exits with 0 when it fails, so we ask the catalogue.
  set_why
  local told=$why
  cp "$scratch/words" "$scratch/told-by-upload"
  find_did || return
  [[ ,$places != *",$rse,"* ]] || return 0
  mv "$scratch/told-by-upload" "$scratch/words"
  why="nothing was registered: $told"
  return "$(seriousness "$told")"
}

# Add a rule, so that Rucio keeps the file. A killed attempt may have registered the file without one.
ensure_rule() {
  if [[ $rucio_style == new ]]; then run rucio_client rule list --did "$address"
  else run rucio_client list-rules "$address"
  fi || return
  ! grep -qwF -- "$rse" "$scratch/said" || return 0
  if [[ $rucio_style == new ]]; then
    run rucio_client rule add --copies 1 --rses "$rse" ${lifetime:+--lifetime "$lifetime"} "$address"
  else
    run rucio_client add-rule ${lifetime:+--lifetime "$lifetime"} "$address" 1 "$rse"
  fi
}

attach_did() {
  ! is_attached || return 0
  run in_style 'did add --type dataset' add-dataset "$dataset" || [[ ${why,,} == *'already exists'* ]] || return 1
  if [[ $rucio_style == new ]]; then run rucio_client did content add --to-did "$dataset" "$address"
  else run rucio_client attach "$dataset" "$address"
  fi
  is_attached || { why="$address could not be attached to $dataset: $why"; return 1; }
}

is_attached() {
  run in_style 'did content list --short' 'list-content --short' "$dataset" || return
  grep -qxF -- "$address" "$scratch/said"
}

stage_out_url() {
  local bytes adler32
  look_at_file
  set_client
  persist put_file
  report "$address: $bytes bytes$(! uses_gfal || echo ', by gfal-copy')"
}

# Compare the file at a URL with the local file. The state is one of:
#   absent, same, different
#   unknown  its size is the same, and the server reports no checksum
#   untold   the server reports nothing
compare_url() { # URL -> $state
  local own_bytes=$bytes bytes adler32 md5
  state=absent why=
  describe_url "$1" || {
    local code=$?
    [[ $why == *'[3011]'* || $why == *'error: 404'* || $why == *'error: 410'* ]] || return "$code"
    return 0
  }
  if [[ $bytes$adler32$md5 == --- ]]; then
    # A busy server, or one that has locked the file, may answer later.
    [[ $why != *'error: 4'@(08|23|25|29)* ]] || return 1
    state=untold
    return 0
  fi
  state=different
  [[ $bytes == - || $bytes == "$own_bytes" ]] || { why="it has $bytes bytes, not $own_bytes"; return 0; }
  verify "$path" - "$adler32" "$md5" || { why="its checksum differs"; return 0; }
  state=same
  [[ $adler32$md5 != -- ]] || state=unknown
}

put_file() {
  local state unfinished
  compare_url "$address" || return
  [[ $state != same ]] || { report "$address is there already"; return; }
  [[ -n $overwrite ]] || case $state in
    unknown) report "$address is there already, judging by its size"; return ;;
    different) why="there is another file ($why); add overwrite=true, or choose another name"; return "$LASTING" ;;
    untold) why="the server does not say what is there${why:+ ($why)}; add overwrite=true to send it anyway"; return "$LASTING" ;;
  esac
  set_unfinished
  send "$unfinished" || return
  check_arrival "$unfinished" || return
  move_into_place "$unfinished"
}

# Verify the file at the server with the size and checksum that the server reports.
check_arrival() { # URL
  compare_url "$1" || return
  case $state in
    same) ;;
    unknown) report "the server reports no checksum of $1; only the size was compared" ;;
    untold) report "the server reports nothing about $1; it was not compared" ;;
    *) why="the file at the server is not the one that was sent: ${why:-nothing is there}"; return 1 ;;
  esac
}

# Set the URL of the unfinished file: next to the final one, and the same at each attempt.
set_unfinished() { # -> $unfinished
  local base=${address%%\?*}
  unfinished=${base%/*}/.${base##*/}.part${address#"$base"}
}

send() { # URL
  if [[ $scheme == root ]]; then run xrdcp --nopbar --silent --force --path "$path" "$1"
  elif uses_gfal; then run gfal-copy --force --parent --timeout "$timeout" "file://$PWD/$path" "$1"
  else run "${curl[@]}" --upload-file "$path" "${1/#davs:/https:}"
  fi
}

move_into_place() { # URL
  if [[ $scheme == root ]]; then move_root "$1"; else move_http "$1"; fi
}

move_root() { # URL
  local from
  split_root "$1"
  from=${remote%%\?*}
  split_root "$address"
  [[ -z $overwrite ]] || xrdfs "$server" rm "${remote%%\?*}" >/dev/null 2>&1
  run xrdfs "$server" mv "$from" "${remote%%\?*}"
}

# A server without WebDAV gets the file a second time, at its final URL.
move_http() { # URL
  local from=${1/#davs:/https:} to=${address/#davs:/https:}
  run "${curl[@]}" --request MOVE --header "Destination: $to" --header 'Overwrite: T' "$from" && return
  [[ $why == *'error: 405'* || $why == *'error: 501'* || $why == *'error: 400'* ]] || return 1
  send "$address" || return
  run "${curl[@]}" --request DELETE "$from" || report "$from is left over: $why"
  check_arrival "$address"
}
