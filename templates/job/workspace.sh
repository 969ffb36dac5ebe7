# shellcheck shell=bash disable=SC2034,SC2154
# The path of the workspace in commands. The compiler does not know it, and writes a mark for it.
#
# Facts: workspace_mark, if not empty; REANA_WORKSPACE

# The folder of links to workspaces. Each user has one on each machine.
links=/tmp/reana-batch.$EUID
workspace_path=

# Set the path that commands get. They may have it without quotes, in any language. So a path with other characters than
# these is replaced by that of a link.
set_workspace_path() { # -> $workspace_path
  local LC_ALL=C digest
  workspace_path=$REANA_WORKSPACE
  [[ -n ${workspace_mark-} && $workspace_path == *[!A-Za-z0-9_./-]* ]] || return 0
  is_own_folder "$links" || {
    worker_lacks "no link to the workspace can be made, because $links is not a folder of this user with mode 0700"
    return
  }
  digest=$(printf '%s' "$workspace_path" | sha1sum)
  workspace_path=$links/${digest%% *}
  is_link_to "$REANA_WORKSPACE" "$workspace_path" || worker_lacks "the link $workspace_path to the workspace cannot be made"
}

# Make the folder if it is missing. Can only this user change it? Another user could have made it first, also as a link.
# So one call of stat looks at owner, type and mode, and does not follow links. A set-group-ID bit is harmless.
is_own_folder() { # FOLDER
  local found
  mkdir -m 0700 "$1" 2>/dev/null
  found=$(stat -c '%u %f' "$1" 2>/dev/null)
  [[ $found == "$EUID 4"[15]c0 ]]
}

# Make the link if it is missing. If two jobs make it at once, one of them succeeds, and both find it.
is_link_to() { # TARGET LINK
  [[ -L $2 ]] || ln -sT "$1" "$2" 2>/dev/null
  [[ $(readlink "$2") == "$1" ]]
}

# Replace each mark in a script, also in quotes and here-documents. In a locale of UTF-8, bash takes up to a hundred times
# as long.
fill_in() { # SCRIPT -> $script
  local LC_ALL=C
  script=${1//"$workspace_mark"/"$workspace_path"}
}
