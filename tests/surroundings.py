"""The surroundings of tests: they inherit as little as possible from their caller, so that results do not depend on it.

It uses the standard library only, because ``tests/all.py`` runs before anything is installed.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

# Where to find programs, the user's files and the package registries, and settings that a user gives to the tests.
_KEPT = {
    *("PATH", "HOME", "CALLERS_HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "PYENV_ROOT", "VIRTUAL_ENV"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"),
    *("REWRITE_GOLDEN", "TRACE_BASH", "TRACE_PYTHON", "REANA_BATCH_KEEP_BOX"),
}
_KEPT_PREFIXES = ("PYTEST_", "PIP_", "NPM_CONFIG_", "npm_config_", "REANA_BATCH_BOX", "OPENBLAS_", "NVPL_")
_DESCRIPTORS = 4096


def reset() -> None:
    """Give this process and its children the signals, umask, limits and environment that tests are written for.

    A signal that the caller ignores does not affect this process, as nohup promises. On children it has its usual
    effect.
    """
    for each in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python ignores these two itself
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, lambda *_: None)  # children do not inherit a handler, unlike SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    with contextlib.suppress(OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    for name in os.environ.keys() - _KEPT:
        if not name.startswith(_KEPT_PREFIXES):
            del os.environ[name]
    os.environ.setdefault("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    os.environ.update(LC_ALL="C.UTF-8", TERM="dumb")


def settle() -> None:
    """Give this process and its children an empty home, and the programs installed with this Python.

    The caller's home stays in the variable ``CALLERS_HOME``.
    """
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    os.environ.setdefault("CALLERS_HOME", os.environ["HOME"])
    os.environ["HOME"] = tempfile.mkdtemp(prefix="reana-batch-home.")
    atexit.register(shutil.rmtree, os.environ["HOME"], ignore_errors=True)
