# shellcheck shell=bash
# What stage-in.sh and stage-out.sh share. They are read by a job's command, which has set the facts of one
# reference; the working directory is the workspace.
#
# Facts: reference scheme address path credential rse rucio_host auth_host setup streams attempts timeout
# shellcheck disable=SC2154  # the facts are assigned by the command

set -uo pipefail
export LC_ALL=C PYTHONWARNINGS=ignore

# Exit codes: the data could not be brought, and (as in job-lib.sh) the worker lacks a program.
readonly EXIT_DATA=96 EXIT_WORKER=94
# What a function returns that need not be tried again.
readonly LASTING=2

# What clients say at every failure.
readonly IDLE_WORDS='Waiting .* due to|attempt failed|Failed to download file|None of the |Rucio exited|deprecated'

why=  # what went wrong last, in words

say() { printf 'reana-batch: %s\n' "$1"; }

fail() { # WHY
  printf 'reana-batch: %s: %s\n' "$reference" "$1" >&2
  exit "$EXIT_DATA"
}

# Does a path lead to a place in the workspace, whatever links the steps have made? It may be missing.
is_inside() { # PATH
  [[ $(realpath -m -- "$1")/ == "$(realpath -- "$PWD")"/* ]]
}

# Scratch space of this process, and the unfinished file in it or in the workspace; both go when it ends.
scratch=
part=
clean_up() { rm -rf ${scratch:+"$scratch"} ${part:+"$part"}; }
begin() {
  trap clean_up EXIT
  trap 'exit 143' TERM INT HUP
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/reana-batch.XXXXXX") || fail "no temporary directory can be made"
}

need_program() { # NAME...
  local name
  for name; do
    command -v "$name" >/dev/null && continue
    printf 'reana-batch: %s: %s is not installed on %s; a site says how to get it in data.setup\n' \
      "$reference" "$name" "${HOSTNAME:-this worker}" >&2
    exit "$EXIT_WORKER"
  done
}

read_setup() {
  [[ -n $setup ]] || return 0
  [[ -r $setup ]] || fail "the script $setup of data.setup cannot be read"
  set +u  # scripts of sites look at variables that may be unset
  # shellcheck disable=SC1090  # it is the site's
  . "$setup" || fail "the script $setup of data.setup ended with exit code $?"
  set -u
}

# --- trying -----------------------------------------------------------------------------------------

# Call a function until it succeeds, with pauses that double and vary, so that many jobs do not ask in step.
persist() { # FUNCTION WORD...
  local attempt pause=2 code
  for ((attempt = 1; ; attempt++)); do
    why=
    : >"$scratch/words"
    "$@"
    code=$?
    ((code != 0)) || return 0
    cat "$scratch/words" >&2
    ((code != LASTING)) || fail "$why"
    ((attempt < attempts)) || fail "$why (attempt $attempt of $attempts)"
    printf -v waits '%d.%03d' "$((pause / 2 + RANDOM % (pause / 2 + 1)))" "$((RANDOM % 1000))"
    say "attempt $attempt of $attempts failed: $why; again in $waits s" >&2
    sleep "$waits"
    pause=$((pause < 120 ? 2 * pause : pause))
  done
}

# Run a program with its output in $scratch/said; where it fails, $why is the end of what it wrote.
run() { # PROGRAM WORD...
  "$@" >"$scratch/said" 2>"$scratch/told"
  local code=$?
  ((code != 0)) || return 0
  set_why
  return "$(seriousness "$why")"
}

# Keep what a program wrote in $scratch/words, for the log, and what matters of it in $why. Also for programs that
# fail with exit code 0.
set_why() {
  sed 's/\x1b\[[0-9;]*m//g; /^[[:space:]]*$/d' "$scratch/told" "$scratch/said" >"$scratch/words"
  # Rucio's client writes DATE TIME LEVEL in front of a line, those of XRootD [LEVEL].
  why=$(sed -E 's/^[0-9-]+ [0-9:,]+\t([A-Z]+)\t/\1 /; s/^\[([A-Z]+)\]/\1/; s/[[:space:]]+$//; s/\.$//' "$scratch/words" |
    grep -E '^(WARNING|ERROR|FATAL) .|^Details:|^curl:|^gfal-copy error:|[Nn]o space|[Dd]enied' | grep -vE "$IDLE_WORDS" |
    sed -E 's/^(WARNING|ERROR|FATAL) //' | awk '!seen[$0]++' | tail -n 3 | cut -c -300 |
    awk '{ printf "%s%s", separator, $0; separator = "; " }')
  why=${why:-$(tail -n 1 "$scratch/words")}
  why=${why:-no reason was given}
}

# 2 for faults that stay when the same is tried again, else 1.
seriousness() { # WORDS
  case ${1,,} in
    *'no space left'* | *'quota exceeded'*) echo 2 ;;
    *'data identifier'*'not found'* | *'empty set'* | *'does not exist'*) echo 2 ;;
    *'no such file'* | *'permission denied'* | *'[3010]'* | *'[3011]'*) echo 2 ;;
    *'returned error: 40'[0134]*) echo 2 ;;
    *) echo 1 ;;
  esac
}

# --- files ------------------------------------------------------------------------------------------

bytes_of() { stat -L -c %s -- "$1"; }

adler32_of() { # FILE
  if command -v xrdadler32 >/dev/null; then
    xrdadler32 "$1" | cut -d ' ' -f 1
  else
    need_program python3
    python3 - "$1" <<'END'
import sys, zlib
value = 1
with open(sys.argv[1], "rb") as file:
    while block := file.read(1 << 20):
        value = zlib.adler32(block, value)
print(f"{value:08x}")
END
  fi
}

# Write a checksum as eight digits, as not every catalogue does.
eight_digits() { [[ $1 =~ ^[0-9A-Fa-f]{1,8}$ ]] && printf '%08x' "$((16#$1))"; }

# Is the file as large, and has it the checksum, as said? "-" stands for what nobody knows.
verify() { # FILE BYTES ADLER32 MD5
  local actual
  actual=$(bytes_of "$1") || { why="$1 is not there"; return 1; }
  [[ $2 == - || $actual == "$2" ]] || { why="$1 has $actual bytes, and should have $2"; return 1; }
  if [[ $3 != - ]]; then
    actual=$(adler32_of "$1") || exit
    [[ $actual == "$(eight_digits "$3")" ]] || { why="$1 has the adler32 checksum $actual, and should have $3"; return 1; }
  elif [[ $4 != - ]]; then
    actual=$(md5sum <"$1")
    [[ ${actual%% *} == "$4" ]] || { why="$1 has the md5 checksum ${actual%% *}, and should have $4"; return 1; }
  fi
}

# --- Rucio ------------------------------------------------------------------------------------------

rucio_client() { # WORD...
  local instance=(-T "$timeout")
  [[ -z $rucio_host ]] || instance+=(-H "$rucio_host" --auth-host "$auth_host")
  rucio "${instance[@]}" "$@"
}

# The words of a command in the client's own style: clients before 35 know only the second.
rucio_style=
set_style() {
  need_program rucio
  rucio_style=old
  ! rucio replica list file --help >/dev/null 2>&1 || rucio_style=new
}
in_style() { # NEW OLD WORD...
  local words=$2
  [[ $rucio_style == old ]] || words=$1
  shift 2
  # shellcheck disable=SC2086  # the words of the command
  rucio_client $words "$@"
}

# The files of a DID, as lines "DID BYTES ADLER32 MD5 RSE,RSE," in $scratch/files; "-" is what nobody knows.
list_files() { # DID [RSE]
  run in_style 'replica list file' list-file-replicas --metalink ${2:+--rses "$2"} "$1" || return
  read_metalink <"$scratch/said" >"$scratch/files"
}

read_metalink() {
  local line did bytes adler32 md5 places
  sed 's/></>\n</g' | while IFS= read -r line; do
    if [[ $line == *'<file '* ]]; then did=- bytes=- adler32=- md5=- places=
    elif [[ $line =~ '<identity>'(.*)'</identity>' ]]; then did=${BASH_REMATCH[1]}
    elif [[ $line =~ '<hash type="adler32">'([0-9A-Fa-f]+)'<' ]]; then adler32=${BASH_REMATCH[1]}
    elif [[ $line =~ '<hash type="md5">'([0-9A-Fa-f]+)'<' ]]; then md5=${BASH_REMATCH[1]}
    elif [[ $line =~ '<size>'([0-9]+)'<' ]]; then bytes=${BASH_REMATCH[1]}
    elif [[ $line =~ '<url '.*location='"'([^'"']+)'"' ]]; then places+=${BASH_REMATCH[1]},
    elif [[ $line == *'</file>'* ]]; then printf '%s\n' "$did $bytes $adler32 $md5 $places"
    fi
  done
}

# --- URLs -------------------------------------------------------------------------------------------

# root://HOST//PATH as $server and $remote.
split_root() { # URL
  [[ $1 =~ ^(root://[^/]+)/(/?.*)$ ]] || fail "a root URL must be root://HOST//PATH"
  server=${BASH_REMATCH[1]}
  remote=${BASH_REMATCH[2]}
  [[ $remote == /* ]] || remote=/$remote
}

# Get ready what speaks the URL's protocol.
set_client() {
  if [[ $scheme == root ]]; then
    need_program xrdcp xrdfs
    set_xrootd_patience
  else
    need_program curl
    set_curl
  fi
}

# xrdcp and xrdfs end what hangs.
set_xrootd_patience() {
  export XRD_REQUESTTIMEOUT=$timeout XRD_STREAMTIMEOUT=$timeout XRD_CONNECTIONWINDOW=$timeout
  export XRD_TIMEOUTRESOLUTION=1 XRD_CONNECTIONRETRY=1
}

# Sites that have gfal2 carry WebDAV files by it: it finds its way between doors and disk servers, and proxies suffice.
by_gfal() { [[ $scheme == davs ]] && command -v gfal-copy >/dev/null; }

# The command line of curl up to the URL, in $curl.
set_curl() {
  local certificates=${X509_CERT_DIR:-/etc/grid-security/certificates}
  curl=(curl --fail --silent --show-error --location --connect-timeout "$timeout" --speed-limit 1 --speed-time "$timeout")
  [[ ! -d $certificates ]] || curl+=(--capath "$certificates")
  case $credential in
    voms_proxy) curl+=(--cert "$X509_USER_PROXY" --key "$X509_USER_PROXY") ;;
    kerberos) curl+=(--negotiate --user :) ;;
  esac
}

# What is known of the file behind a URL: sets bytes, adler32 and md5, each "-" where the server does not say.
describe_url() { # URL
  bytes=- adler32=- md5=-
  if [[ $scheme == root ]]; then describe_root "$1"; else describe_http "$1"; fi
}

describe_root() { # URL
  local word value
  split_root "$1"
  run xrdfs "$server" stat "$remote" || return
  while read -r word value _; do
    [[ $word != Size: ]] || bytes=$value
  done <"$scratch/said"
  xrdfs "$server" query checksum "$remote" >"$scratch/said" 2>/dev/null || return 0
  read -r word value _ <"$scratch/said"
  set_checksum "$word" "$value"
}

describe_http() { # URL
  local name value
  run "${curl[@]}" --head --header 'Want-Digest: adler32,md5' "${1/#davs:/https:}" || {
    # Not every server answers such a question; where there is no file, all say so.
    [[ $why != *'error: 4'@(01|03|04|10)* ]] || return "$LASTING"
    [[ $why == *'error: 4'* ]] || return 1
    return 0
  }
  while IFS=': ' read -r name value; do
    value=${value%$'\r'}
    case ${name,,} in
      content-length) bytes=$value ;;
      digest) read_digest "$value" ;;
    esac
  done <"$scratch/said"
}

read_digest() { # NAME=VALUE,NAME=VALUE...
  local entry value
  while IFS= read -rd , entry; do
    value=${entry#*=}
    [[ ${entry,,} != md5=* ]] || value=$(base64 -d <<<"$value" 2>/dev/null | od -An -tx1 | tr -d ' \n')
    set_checksum "${entry%%=*}" "$value"
  done <<<"$1,"
}

set_checksum() { # NAME VALUE
  [[ $2 =~ ^[0-9A-Fa-f]+$ ]] || return 0
  case ${1,,} in
    adler32) adler32=${2,,} ;;
    md5) md5=${2,,} ;;
  esac
}
