"""A CWL document and its inputs, as CWL runners take them: ``DOCUMENT [JOB]``."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

from cwltool.argparser import get_default_args
from cwltool.context import LoadingContext
from cwltool.load_tool import fetch_document, jobloader_id_name
from cwltool.main import init_job_order, load_job_order
from schema_salad.ref_resolver import Loader

from reana_batch.diagnostics import Diagnostics, Place, Refused, refuse
from reana_batch.frontends.cwl import loading
from reana_batch.frontends.cwl.faults import Faulty, Places
from reana_batch.frontends.cwl.locations import path_of
from reana_batch.frontends.cwl.messages import sentence
from reana_batch.frontends.cwl.records import Request
from reana_batch.frontends.cwl.values import Json

# How cwltool's loader names what a job says of its document, and of the requirements of that.
_CWL = "https://w3id.org/cwl/cwl#"
_REQUIREMENTS = f"{_CWL}requirements"
_WRITTEN = "cwl:requirements"
_IDS = (jobloader_id_name, "id", "cwl:tool", f"{_CWL}tool")


class Given(NamedTuple):
    """What to run."""

    document: str  # the URL of the document, with #NAME if it has several
    inputs: dict[str, Json]  # locations are URLs


def read(document: str, words: Sequence[str], folder: str) -> Given:
    """Return what ``DOCUMENT [JOB]`` means. A faulty job raises Refused.

    ``words`` are the path of the job, ``-`` for standard input, or options such as ``--NAME VALUE``. Paths in the job
    are relative to ``folder``, or to the job if that is empty. A faulty document is not reported here, because it
    cannot be compiled.
    """
    loading.quiet()
    document = loading.address(document)
    tool, defaults = _named_by_job(document, folder)
    document = urljoin(document, tool)
    by_name = len(words) > 1 or any(word.startswith("-") and word != "-" for word in words)
    job, base, loader = _job([] if by_name else words, folder)
    inputs = {**defaults, **job}
    requirements = inputs.pop(_REQUIREMENTS, None)
    if by_name:
        inputs = _from_options(document, words, base, loader)
    return Given(document, _kept(inputs, requirements))


def _from_options(document: str, words: Sequence[str], base: str, loader: Loader) -> dict[str, Json]:
    """Return the inputs that options give. Nothing is left of them if the document is faulty."""
    try:
        process = loading.load(Request(document, {}, "", ""), None, Places("")).tool
    except Faulty:
        return {}
    arguments = argparse.Namespace(**{**get_default_args(), "workflow": document, "job_order": list(words)})
    with contextlib.redirect_stdout(sys.stderr):
        return dict(init_job_order(None, arguments, process, loader, io.StringIO(), input_basedir=base))


def _kept(inputs: dict[str, Json], requirements: Json) -> dict[str, Json]:
    """Return the inputs as JSON, with the requirements that a job adds."""
    kept = {name: value for name, value in inputs.items() if name not in _IDS}
    found: dict[str, Json] = json.loads(json.dumps(kept | ({_WRITTEN: requirements} if requirements else {})))
    return found


def _named_by_job(document: str, folder: str) -> tuple[str, dict[str, Json]]:
    """Return the document that a job names as ``cwl:tool``, and its inputs. Both are empty if this is not a job."""
    try:
        _, found, _ = fetch_document(urldefrag(document)[0], LoadingContext())
    except Exception:  # noqa: BLE001  # cwltool raises all kinds of them; it does so again when it loads the document
        return "", {}
    if "cwl:tool" not in found:
        return "", {}
    inputs, _, _ = _job([urldefrag(document)[0]], folder)
    return str(found["cwl:tool"]), inputs


def _job(words: Sequence[str], folder: str) -> tuple[dict[str, Json], str, Loader]:
    """Return the inputs in a job, the directory of its paths, and the loader that read it."""
    named = path_of(words[0]) if words else ""
    if named not in ("", "-") and "://" not in named and not os.path.isfile(named):
        raise refuse("missing-file", f"The job {named} does not exist.")
    arguments = argparse.Namespace(job_order=[named] if named else [], basedir=folder)
    try:
        inputs, base, loader = load_job_order(arguments, sys.stdin, None, [], "")
    except SystemExit as error:
        message = f"{named} is not a mapping of inputs."
        raise refuse("bad-type", message, hint="write a value for each input, or {} for none.") from error
    except Exception as error:
        raise _refused(named, error) from error
    return dict(inputs or {}), base, loader


def _refused(job: str, error: Exception) -> Refused:
    diagnostics = Diagnostics()
    for fault in Places("").faults(error):
        code, text, hint, _ = sentence(fault)
        diagnostics.error(code, text, Place(*(fault.place or (job, 1, 1))), hint)
    return Refused(diagnostics)
