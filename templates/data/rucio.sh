# shellcheck shell=bash disable=SC2034,SC2154
# Rucio's client: its old and new command lines, and how to read its output.

rucio_style=

rucio_client() { # WORD...
  local instance=(-T "$timeout")
  [[ -z $rucio_host ]] || instance+=(-H "$rucio_host" --auth-host "$auth_host")
  rucio "${instance[@]}" "$@"
}

# Clients before version 35 only have the old command line.
set_style() { # -> $rucio_style
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

# Write the files of a DID to $scratch/files, as lines "DID BYTES ADLER32 MD5 RSE,RSE,". "-" means unknown.
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
