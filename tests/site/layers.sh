# shellcheck shell=bash
# Mount the layers of a box. site, init.sh and install.sh use this.

# Names are relative to the current directory, because a mount option cannot quote every path. The files that a box
# writes are temporary, so nothing waits for the disk (volatile). Kernels have different defaults for the other options.
layers() { # DIRECTORY LAYER...: mount the layers, uppermost first, with DIRECTORY/files above them, at DIRECTORY/merged
    local directory=$1 options=volatile,index=off,metacopy=off,redirect_dir=off
    shift
    mkdir -p "$directory"/{files,work,merged}
    mount -t overlay -o "lowerdir=$(IFS=:; echo "$*"),upperdir=$directory/files,workdir=$directory/work,$options" \
        overlay "$directory/merged"
}
