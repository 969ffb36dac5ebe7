# shellcheck shell=bash disable=SC2034,SC2154
# Common to downloads and uploads: messages, attempts, checksums. A job's command sets the facts of one reference and
# then reads stage-in.sh or stage-out.sh. The working directory is the workspace.
#
# Facts: reference scheme address path credential rse rucio_host auth_host setup streams attempts timeout

# Exit codes, as in compiler/run/reasons.py.
readonly EXIT_DATA=96 EXIT_WORKER=94
# The exit code of a function when another attempt would fail too.
readonly LASTING=2
# Words that clients print at every failure.
readonly IDLE_WORDS='Waiting .* due to|attempt failed|Failed to download file|None of the |Rucio exited|deprecated'

why= # the reason of the last failure, in words
# Scratch space of this process, and the unfinished file. Both are deleted when the process ends.
scratch=
part=

prepare_transfer() {
  set -uo pipefail
  export LC_ALL=C PYTHONWARNINGS=ignore
  trap clean_up EXIT
  trap 'exit 143' TERM INT HUP
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/reana-batch.XXXXXX") || fail "no temporary directory can be made"
}

clean_up() { rm -rf ${scratch:+"$scratch"} ${part:+"$part"}; }

read_setup() {
  [[ -n $setup ]] || return 0
  [[ -r $setup ]] || fail "the script $setup of data.setup cannot be read"
  set +u  # scripts of sites look at variables that may be unset
  # shellcheck disable=SC1090  # the site's own script
  . "$setup" || fail "the script $setup of data.setup ended with exit code $?"
  set -u
}

# Write a line to the log of the command's output. `say` writes to the log of its errors.
report() { printf 'reana-batch: %s\n' "$1"; }

fail() { # WHY
  say "$reference: $1"
  exit "$EXIT_DATA"
}

# Is the path inside the workspace, after links that steps have made? The file may be missing.
is_inside() { # PATH
  [[ $(realpath -m -- "$1")/ == "$(realpath -- "$PWD")"/* ]]
}

need_program() { # NAME...
  local name
  for name; do
    command -v "$name" >/dev/null && continue
    say "$reference: $name is not installed on ${HOSTNAME:-this worker}; a site says how to get it in data.setup"
    exit "$EXIT_WORKER"
  done
}

# Call a function until it succeeds. The pauses double and vary, so that jobs do not all ask at the same time.
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
    say "attempt $attempt of $attempts failed: $why; again in $waits s"
    sleep "$waits"
    pause=$((pause < 120 ? 2 * pause : pause))
  done
}

# Run a program with its output in $scratch/said.
run() { # PROGRAM WORD... -> $why, if it failed
  "$@" >"$scratch/said" 2>"$scratch/told"
  local code=$?
  ((code != 0)) || return 0
  set_why
  return "$(seriousness "$why")"
}

# Keep the output of a program in $scratch/words, which goes to the log. Programs that fail with exit code 0 need it
# too.
set_why() { # -> $why, the lines that matter
  sed 's/\x1b\[[0-9;]*m//g; /^[[:space:]]*$/d' "$scratch/told" "$scratch/said" >"$scratch/words"
  # Rucio's client writes DATE TIME LEVEL before a line, and the clients of XRootD write [LEVEL].
  why=$(sed -E 's/^[0-9-]+ [0-9:,]+\t([A-Z]+)\t/\1 /; s/^\[([A-Z]+)\]/\1/; s/[[:space:]]+$//; s/\.$//' "$scratch/words" |
    grep -E '^(WARNING|ERROR|FATAL) .|^Details:|^curl:|^gfal-copy error:|[Nn]o space|[Dd]enied' | grep -vE "$IDLE_WORDS" |
    sed -E 's/^(WARNING|ERROR|FATAL) //' | awk '!seen[$0]++' | tail -n 3 | cut -c -300 |
    awk '{ printf "%s%s", separator, $0; separator = "; " }')
  why=${why:-$(tail -n 1 "$scratch/words")}
  why=${why:-no reason was given}
}

# Print 2 if another attempt would fail too, else 1.
seriousness() { # WORDS
  case ${1,,} in
    *'no space left'* | *'quota exceeded'*) echo 2 ;;
    *'data identifier'*'not found'* | *'empty set'* | *'does not exist'*) echo 2 ;;
    *'no such file'* | *'permission denied'* | *'[3010]'* | *'[3011]'*) echo 2 ;;
    *'returned error: 40'[0134]*) echo 2 ;;
    *) echo 1 ;;
  esac
}

bytes_of() { stat -L -c %s -- "$1"; } # FILE

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

# Print a checksum as eight digits. Some catalogues leave out zeros.
eight_digits() { [[ $1 =~ ^[0-9A-Fa-f]{1,8}$ ]] && printf '%08x' "$((16#$1))"; }

# Does the file have this size and checksum? "-" means unknown.
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
