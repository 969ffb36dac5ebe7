"""The file that makes a service run an analysis when its repository changes: one kind for each service."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.record import Credential
from reana_batch.facts import ENV, FILE, KnownSecrets, Secret
from reana_batch.writing.render import Verbatim, render

if TYPE_CHECKING:
    from reana_batch.compilation import Compilation


@dataclass(frozen=True, slots=True)
class Kind:
    """A service."""

    template: str  # of its file
    unfinished: int  # how the first job ends if the run has not ended
    expression: str = ""  # what begins an expression of the service, also in a script

    def literal(self, text: str) -> str:
        """Return text that the service does not take for an expression."""
        begin = self.expression
        return text.replace(begin, f"{begin} '{begin}' }}}}") if begin else text


KINDS = {
    "gitlab": Kind("ci/gitlab.yml.j2", unfinished=75),
    "github": Kind("ci/github.yml.j2", unfinished=0, expression="${{"),
}
# A job that only waits ends with this if the run has not ended. GitLab then starts the job again.
_STILL_RUNNING = 75


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the service, from which a secret of the site's account is made."""

    name: str
    secret: Secret
    named_by: str = ""  # the secret that has the name of this file

    @property
    def is_file(self) -> bool:
        """Whether the variable has a file, in base64."""
        return self.secret.type == FILE

    @property
    def title(self) -> str:
        """The file of the variable, in the words of the manual."""
        return f"of {self.named_by}" if self.named_by else self.secret.name


@dataclass(frozen=True, slots=True)
class Jobs:
    """What the user wants of the jobs."""

    words: Sequence[str]  # the options of the analysis, as on the command line
    tags: Sequence[str]  # the runner at the site has all of them
    minutes: int  # the time limit of a job

    @property
    def following(self) -> int:
        """The minutes for which a job follows the run. The rest is for downloads and tests."""
        return self.minutes - max(10, self.minutes // 10)


def ci_file(kind: str, compilation: Compilation, jobs: Jobs) -> str:
    """Return the file of a service. Raises Unquotable if a word is not UTF-8 text."""
    assert compilation.spec is not None
    service, spec, secrets = KINDS[kind], compilation.spec, list(variables(compilation))
    own = [word for tag in jobs.tags for word in ("--tag", tag)]
    command = ["reana-batch", "ci", kind, *jobs.words, *own, "--timeout", str(jobs.minutes)]
    analysis = Verbatim(service.literal(shlex.join(jobs.words)))
    end = {"outputs": spec.output_files or spec.output_directories, "tests": spec.tests, "kind": kind}
    unfinished = service.unfinished
    return render(
        service.template,
        "yaml",
        command=shlex.join(command),
        jobs=jobs,
        tags=[service.literal(tag) for tag in jobs.tags],
        variables=secrets,
        validate=f"reana-batch validate {analysis} --without-secrets",
        store=render("ci/secrets.sh.j2", "sh", variables=secrets),
        start=render("ci/start.sh.j2", "sh", analysis=analysis),
        follow=render("ci/follow.sh.j2", "sh", unfinished=unfinished, **end),
        wait=render("ci/follow.sh.j2", "sh", unfinished=_STILL_RUNNING, **end),
        unfinished=unfinished,
        **end,
    )


# --- secrets -----------------------------------------------------------------------------------------


def variables(compilation: Compilation) -> Iterator[Variable]:
    """Yield the variables for the secrets that the credentials of an analysis may need, each once."""
    sources = compilation.workflow.credential_plan.sources.items()
    found = dict.fromkeys(secret for name, source in sources for secret in _needed(CREDENTIALS[name], source))
    naming = {_file_of(secret): secret.name for secret in found if secret.type == ENV}
    for secret in found:
        if secret.type == FILE:
            by = naming.get(secret, "")
            yield Variable(re.sub(r"\W", "_", by or secret.name).upper() + "_BASE64", secret, by)
        elif _file_of(secret) not in found:
            yield Variable(secret.name, secret)


def _needed(credential: Credential, source: str) -> list[Secret]:
    """Return the secrets of a credential if none is known yet.

    A secret that can name a file names one that is called after it. A private key counts as encrypted.
    """
    first = credential.secrets(source, KnownSecrets())
    contents = {each: _file_of(each).name.encode() if each.type == ENV else b"ENCRYPTED" for each in first}
    return list(credential.secrets(source, KnownSecrets(contents)))


def _file_of(secret: Secret) -> Secret:
    return Secret(secret.name.lower(), FILE)
