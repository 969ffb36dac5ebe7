# shellcheck shell=bash disable=SC2034,SC2154
# Messages for the log. Facts: speaker (the name before each message; may be empty)

speaker=

say() { printf 'reana-batch: %s%s\n' "${speaker:+$speaker: }" "$1" >&2; }
