# shellcheck shell=bash
# For site, init.sh and install.sh: how the layers of a box are mounted.

# Names are relative to the current directory, because a mount option cannot quote every path. What a box writes is
# thrown away, so nothing in it waits for the disk (volatile). The other options are given because kernels differ in them.
layers() { # DIRECTORY LAYER...: mount as DIRECTORY/merged the layers, uppermost first, and above them DIRECTORY/files
    local directory=$1 options=volatile,index=off,metacopy=off,redirect_dir=off
    shift
    mkdir -p "$directory"/{files,work,merged}
    mount -t overlay -o "lowerdir=$(IFS=:; echo "$*"),upperdir=$directory/files,workdir=$directory/work,$options" \
        overlay "$directory/merged"
}
