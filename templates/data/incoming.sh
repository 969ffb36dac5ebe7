# shellcheck shell=bash disable=SC2034,SC2154
# Download declared data into the workspace. A file appears there only when it is complete and verified.

# The most files that one start of Rucio's client downloads, and the bytes after which no file is added. A killed job
# downloads them again.
readonly GROUP_FILES=50 GROUP_BYTES=1000000000

stage_in() {
  local workspace records
  # The records of files are in the state of the run that owns the workspace. A restart shares them.
  workspace=$(pwd -P)
  records=${workspace%/*}/state/.staged
  if [[ $scheme == rucio ]]; then stage_in_did; else stage_in_url; fi
}

# Set the text of a file's record. It starts one program only, because a dataset may have many files.
identify() { # SOURCE FILE -> $identity
  identity="$1 $(stat -c '%s %Y' -- "$2")"
}

is_recorded() { # SOURCE FILE
  local identity record=$records/$2 recorded
  [[ -f $2 && -f $record ]] || return
  identify "$@"
  IFS= read -rd '' recorded <"$record"
  [[ $recorded == "$identity" ]]
}

# Record that a file is verified. Without its record it is verified again.
write_record() { # SOURCE FILE
  local identity record=$records/$2
  identify "$@"
  mkdir -p "${record%/*}" && printf '%s' "$identity" >"$record.$$" && mv -fT "$record.$$" "$record"
}

is_there() { # SOURCE FILE BYTES ADLER32 MD5
  ! is_recorded "$1" "$2" || return 0
  [[ -f $2 && "$4$5" != -- ]] && verify "$2" "$3" "$4" "$5" && write_record "$1" "$2"
}

# Make a directory for the unfinished file, next to its final path. Delete those that killed jobs left.
begin_part() { # FILE -> $part
  local folder=. name=${1##*/}
  [[ $1 != */* ]] || folder=${1%/*}
  is_inside "$folder" || { why="$folder leads out of the workspace"; return "$LASTING"; }
  mkdir -p -- "$folder" || { why="the directory $folder cannot be made"; return "$LASTING"; }
  [[ ! -d $1 ]] || { why="$1 is a directory"; return "$LASTING"; }
  clean_part
  rm -rf -- "$folder/.$name.part."??????
  part=$(mktemp -d "$folder/.$name.part.XXXXXX") || { why="$folder is not writable (disk full? quota?)"; return "$LASTING"; }
}

clean_part() {
  [[ -z $part ]] || rm -rf -- "$part"
  part=
}

need_space() { # FOLDER BYTES
  local free
  [[ $2 != - ]] || return 0
  free=$(df --output=avail -B1 -- "$1" 2>/dev/null | tail -n 1) || return 0
  ((free >= $2)) || { why="no space left: $2 bytes are needed, and $((free)) are free in the workspace"; return "$LASTING"; }
}

# Verify a downloaded file and move it to its final path.
finish_part() { # WHERE SOURCE FILE BYTES ADLER32 MD5
  [[ -f $1 ]] || { set_why; why="nothing was downloaded: $why"; return "$(seriousness "$why")"; }
  verify "$1" "$4" "$5" "$6" || { why=${why/"$1"/"the download of $3"}; return 1; }
  take "$@" || { why="$3 cannot be written"; return "$LASTING"; }
  clean_part
  [[ "$5$6" != -- ]] || report "no catalogue or server reports a checksum of $3"
}

# Move a verified file to its final path, and record it.
take() { # WHERE SOURCE FILE
  chmod 0644 -- "$1"
  mv -fT -- "$1" "$3" || return
  write_record "$2" "$3"
  report "$3: $(bytes_of "$3") bytes from $2"
}

stage_in_did() {
  local files missing
  set_style
  persist list_files "$address" "$rse"
  mapfile -t files <"$scratch/files"
  ((${#files[@]})) || fail "the dataset $address holds no files"
  if [[ ${#files[@]} == 1 && ${files[0]%% *} == "$address" ]]; then
    bring_did_file "$path" "${files[0]}"
    return
  fi
  check_names "${files[@]}"
  is_inside "$path" || fail "$path leads out of the workspace"
  mkdir -p -- "$path" || fail "the directory $path cannot be made"
  rm -rf -- "$path/.group.part."??????
  # Count the files that arrived, because a killed process cannot report the missing ones.
  came=$scratch/came
  : >"$came"
  bring_groups "${files[@]}"
  wait
  missing=$((${#files[@]} - $(wc -l <"$came")))
  ((missing == 0)) || fail "$missing of ${#files[@]} files of the dataset were not downloaded"
  report "$path: all ${#files[@]} files of the dataset $address"
}

# Download small files in groups, because starting the client takes longer than a small download.
bring_groups() { # LINE...
  local line did bytes rest group=() sum=0 most=$((($# + streams - 1) / streams))
  ((most <= GROUP_FILES)) || most=$GROUP_FILES
  for line; do
    read -r did bytes rest <<<"$line"
    group+=("$line")
    sum=$((sum + ${bytes/#-/0}))
    if ((${#group[@]} >= most || sum >= GROUP_BYTES)); then
      bring_in_turn "${group[@]}"
      group=() sum=0
    fi
  done
  [[ ${#group[@]} == 0 ]] || bring_in_turn "${group[@]}"
}

# Set the fields of a line, and the path of its file in the dataset's directory.
read_line() { # LINE -> $did $bytes $adler32 $md5 $places $file
  read -r did bytes adler32 md5 places <<<"$1"
  file=$path/${did##*[:/]}
}

check_names() { # LINE...
  local twice
  twice=$(printf '%s\n' "${@%% *}" | sed 's/.*[:/]//' | sort | uniq -d | head -n 1)
  [[ -z $twice ]] || fail "the dataset has two files named $twice, which cannot be in one directory"
}

# Download files in a separate process, as soon as fewer than $streams are running.
bring_in_turn() { # LINE...
  until (($(jobs -rp | wc -l) < streams)); do
    sleep 0.1
  done
  alone bring_files "$@" &
}

# Run a function in a process that deletes its own scratch space.
alone() { # FUNCTION WORD...
  (
    part=
    trap clean_up EXIT
    trap 'exit 143' TERM INT HUP
    scratch=$(mktemp -d "$scratch/XXXXXX")
    "$@"
  )
}

# Download the missing files. If one fails, the others are still downloaded.
bring_files() { # LINE...
  local line did bytes adler32 md5 places file missing=()
  for line; do
    read_line "$line"
    if is_there "$did" "$file" "$bytes" "$adler32" "$md5"; then echo "$file" >>"$came"; else missing+=("$line"); fi
  done
  fetch_group "${missing[@]}"
  for line in "${missing[@]}"; do
    read_line "$line"
    if is_recorded "$did" "$file" || alone bring_did_file "$file" "$line"; then echo "$file" >>"$came"; fi
  done
}

# Download several files with one start of the client. Incomplete files are downloaded one by one later.
fetch_group() { # LINE...
  local line did bytes adler32 md5 places file wanted=() come
  for line; do
    read_line "$line"
    [[ -z $places ]] || wanted+=("$line")
  done
  ((${#wanted[@]} > 1)) || return 0
  part=$(mktemp -d "$path/.group.part.XXXXXX") || return 0
  run rucio_client download --dir "$part" --no-subdir ${rse:+--rses "$rse"} "${wanted[@]%% *}"
  for line in "${wanted[@]}"; do
    read_line "$line"
    set_come "$did"
    ! verify "$come" "$bytes" "$adler32" "$md5" 2>/dev/null || take "$come" "$did" "$file"
  done
  clean_part
}

bring_did_file() { # FILE LINE
  local did bytes adler32 md5 places
  read -r did bytes adler32 md5 places <<<"$2"
  if is_there "$did" "$1" "$bytes" "$adler32" "$md5"; then
    [[ $path != "$1" ]] || report "$1 is there already"
    return
  fi
  [[ -n $places ]] || fail "$did has no replica that can be read${rse:+ at $rse}"
  persist fetch_did "$1" "$did" "$bytes" "$adler32" "$md5"
}

# Set the path to which the client downloads the file of a DID. A name may have slashes.
set_come() { # DID -> $come
  come=${1#*:}
  come=$part/${come#/}
}

fetch_did() { # FILE DID BYTES ADLER32 MD5
  local come
  begin_part "$1" || return
  need_space "$part" "$3" || return
  # This client exits with 0 when it fails, so we check that the file is there.
  run rucio_client download --dir "$part" --no-subdir ${rse:+--rses "$rse"} "$2" || return
  set_come "$2"
  finish_part "$come" "$2" "$1" "$3" "$4" "$5"
}

stage_in_url() {
  local bytes adler32 md5
  if is_recorded "$address" "$path"; then
    report "$path is there already"
    return
  fi
  set_client
  persist describe_url "$address"
  if is_there "$address" "$path" "$bytes" "$adler32" "$md5"; then
    report "$path is there already"
    return
  fi
  persist fetch_url "$address" "$path" "$bytes" "$adler32" "$md5"
}

fetch_url() { # URL FILE BYTES ADLER32 MD5
  begin_part "$2" || return
  need_space "$part" "$3" || return
  if [[ $scheme == root ]]; then run xrdcp --nopbar --silent "$1" "$part/file" || return
  elif uses_gfal; then run gfal-copy --force --timeout "$timeout" "$1" "file://$PWD/$part/file" || return
  else run "${curl[@]}" --output "$part/file" "${1/#davs:/https:}" || return
  fi
  finish_part "$part/file" "$@"
}
