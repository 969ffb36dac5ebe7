# shellcheck shell=bash
# Bring declared data into the workspace. A file appears there whole and verified, or not at all.
# shellcheck disable=SC2154,SC2030,SC2031  # the facts are assigned by the command, and in lib.sh; each file
# of a dataset has a process and a part of its own
# shellcheck source=/dev/null
. "${REANA_WORKSPACE%/*}/batch/data/lib.sh"

# Files that one start of Rucio's client brings, and bytes beyond which no more are added: what a job that is killed
# would have to bring again.
readonly GROUP_FILES=50 GROUP_BYTES=1000000000

# --- what is there already --------------------------------------------------------------------------

# The records of files lie in the state of the run whose workspace this is, which a restart shares.
workspace=$(pwd -P)
readonly RECORDS=${workspace%/*}/state/.staged

# Sets what the record of a file says. A dataset may have many files: this is all that is started for one.
identify() { # SOURCE FILE
  identity="$1 $(stat -c '%s %Y' -- "$2")"
}

is_recorded() { # SOURCE FILE
  local identity record=$RECORDS/$2 recorded
  [[ -f $2 && -f $record ]] || return
  identify "$@"
  IFS= read -rd '' recorded <"$record"
  [[ $recorded == "$identity" ]]
}

# Only saves work: without it, the file is looked at again.
write_record() { # SOURCE FILE
  local identity record=$RECORDS/$2
  identify "$@"
  mkdir -p "${record%/*}" && printf '%s' "$identity" >"$record.$$" && mv -fT "$record.$$" "$record"
}

is_there() { # SOURCE FILE BYTES ADLER32 MD5
  ! is_recorded "$1" "$2" || return 0
  [[ -f $2 && "$4$5" != -- ]] && verify "$2" "$3" "$4" "$5" && write_record "$1" "$2"
}

# --- a new file -------------------------------------------------------------------------------------

# A directory for the unfinished file, beside its place, in $part; what a killed job left there goes.
begin_part() { # FILE
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

# Put what has come into its place, if it is what it should be.
finish_part() { # WHERE SOURCE FILE BYTES ADLER32 MD5
  [[ -f $1 ]] || { set_why; why="nothing came: $why"; return "$(seriousness "$why")"; }
  verify "$1" "$4" "$5" "$6" || { why=${why/"$1"/"what came as $3"}; return 1; }
  take "$@" || { why="$3 cannot be written"; return "$LASTING"; }
  clean_part
  [[ "$5$6" != -- ]] || say "nobody says what checksum $3 should have"
}

# Put what has come and is whole into its place.
take() { # WHERE SOURCE FILE
  chmod 0644 -- "$1"
  mv -fT -- "$1" "$3" || return
  write_record "$2" "$3"
  say "$3: $(bytes_of "$3") bytes from $2"
}

# --- Rucio ------------------------------------------------------------------------------------------

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
  # What came is counted, not what did not: a process that is killed says nothing.
  came=$scratch/came
  : >"$came"
  bring_groups "${files[@]}"
  wait
  missing=$((${#files[@]} - $(wc -l <"$came")))
  ((missing == 0)) || fail "$missing of ${#files[@]} files of the dataset did not come"
  say "$path: all ${#files[@]} files of the dataset $address"
}

# Small files come in groups, for a start of the client takes longer than a small file.
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

# Sets what a line says, and the place of its file in the dataset's directory.
read_line() { # LINE
  read -r did bytes adler32 md5 places <<<"$1"
  file=$path/${did##*[:/]}
}

check_names() { # LINE...
  local twice
  twice=$(printf '%s\n' "${@%% *}" | sed 's/.*[:/]//' | sort | uniq -d | head -n 1)
  [[ -z $twice ]] || fail "the dataset has two files named $twice, which cannot lie in one directory"
}

# Bring files in a process of its own, when less than so many are under way.
bring_in_turn() { # LINE...
  until (($(jobs -rp | wc -l) < streams)); do
    sleep 0.1
  done
  alone bring_files "$@" &
}

# A process of its own cleans up after itself.
alone() { # FUNCTION WORD...
  (
    part=
    trap clean_up EXIT
    trap 'exit 143' TERM INT HUP
    scratch=$(mktemp -d "$scratch/XXXXXX")
    "$@"
  )
}

# One file that does not come does not keep the others from coming.
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

# Ask for several files by one start of the client. What does not come of it whole is asked for one by one.
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
    [[ $path != "$1" ]] || say "$1 is there already"
    return
  fi
  [[ -n $places ]] || fail "$did has no replica that can be read${rse:+ at $rse}"
  persist fetch_did "$1" "$did" "$bytes" "$adler32" "$md5"
}

# Where the client puts the file of a DID: a name may have slashes.
set_come() { # DID
  come=${1#*:}
  come=$part/${come#/}
}

fetch_did() { # FILE DID BYTES ADLER32 MD5
  local come
  begin_part "$1" || return
  need_space "$part" "$3" || return
  # This client exits with 0 when it fails: what counts is the file.
  run rucio_client download --dir "$part" --no-subdir ${rse:+--rses "$rse"} "$2" || return
  set_come "$2"
  finish_part "$come" "$2" "$1" "$3" "$4" "$5"
}

# --- URLs -------------------------------------------------------------------------------------------

stage_in_url() {
  local bytes adler32 md5
  if is_recorded "$address" "$path"; then
    say "$path is there already"
    return
  fi
  set_client
  persist describe_url "$address"
  if is_there "$address" "$path" "$bytes" "$adler32" "$md5"; then
    say "$path is there already"
    return
  fi
  persist fetch_url "$address" "$path" "$bytes" "$adler32" "$md5"
}

fetch_url() { # URL FILE BYTES ADLER32 MD5
  begin_part "$2" || return
  need_space "$part" "$3" || return
  if [[ $scheme == root ]]; then run xrdcp --nopbar --silent "$1" "$part/file" || return
  elif by_gfal; then run gfal-copy --force --timeout "$timeout" "$1" "file://$PWD/$part/file" || return
  else run "${curl[@]}" --output "$part/file" "${1/#davs:/https:}" || return
  fi
  finish_part "$part/file" "$@"
}

begin
read_setup
if [[ $scheme == rucio ]]; then stage_in_did; else stage_in_url; fi
