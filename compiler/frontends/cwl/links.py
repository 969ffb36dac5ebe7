"""Links that tools and cwltool leave in the directory of a job."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence


def settle(directory: str, roots: Sequence[str]) -> None:
    """Replace links in a directory that name paths of the workspace as it is now. ``roots`` are its paths.

    The workspace of the next job may be elsewhere. A link to a file becomes the file itself, so that a batch system
    that copies directories copies it too. A link to a directory becomes relative.
    """
    for path in list(_links(directory)):
        aim = os.readlink(path)
        if not any(aim.startswith(root + "/") for root in roots) or not os.path.exists(aim):
            continue
        os.unlink(path)
        if os.path.isdir(aim):
            os.symlink(os.path.relpath(os.path.realpath(aim), os.path.realpath(os.path.dirname(path))), path)
        else:
            link(aim, path)


def link(source: str, target: str) -> None:
    """Make ``target`` the same file as ``source``, or a copy of it where the file system does not allow that.

    A file that is there already stays.
    """
    try:
        os.link(os.path.realpath(source), target)
    except FileExistsError:
        return
    except OSError:
        shutil.copy2(source, target)


def _links(directory: str) -> Iterator[str]:
    for folder, directories, files in os.walk(directory):
        yield from (path for name in (*directories, *files) if os.path.islink(path := os.path.join(folder, name)))
