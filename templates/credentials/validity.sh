# shellcheck shell=bash disable=SC2034,SC2154
# How long credentials must be valid: before submission, and in a job.

in_words() { # SECONDS -> $words
  if (($1 >= 7200)); then words="$(($1 / 3600)) h"
  elif (($1 >= 120)); then words="$(($1 / 60)) min"
  else words="$(($1 > 0 ? $1 : 0)) s"
  fi
}

must_be_valid() { # WHAT LEFT NEEDED starts|ends STEP
  local has wants
  (($2 < $3)) || return 0
  in_words "$2" && has=$words
  in_words "$3" && wants=$words
  in_words "$(($3 - $2))"
  give_up "the $1 expires in $has, but \"$5\" $4 as late as $wants after submission: $words too early"
}

# Do the credentials outlive the next row? The tools are called again only when their last answer may have changed.
check_validity() {
  local words spare=$LONGEST_NAP begun=$SECONDS
  ((begun >= good_until)) || return 0
  of_each check || return
  good_until=$((begun + spare))
}

spare_at_most() { # SECONDS
  ((spare <= $1)) || spare=$1
}

outlives() { # WHAT
  spare_at_most "$((left - life_needed))"
  ((left <= 0 || left < life_needed)) || return 0
  if ((left <= 0)); then lacking="the $1 has expired"
  else
    in_words "$left" && lacking="the $1 expires in $words"
    in_words "$life_needed" && lacking+=", and the job may take $words"
  fi
  return 1
}
