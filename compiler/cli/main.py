"""The command line: the table of its commands. A command is loaded when it is used."""

from __future__ import annotations

import importlib
import os
from typing import Any, NamedTuple

import click

from reana_batch.cli import elsewhere
from reana_batch.cli.answers import asks_for_json, usage_errors
from reana_batch.version import __version__


class Entry(NamedTuple):
    """A command: ``module:function`` in this package, and the summary that ``--help`` shows without loading it."""

    place: str
    summary: str


COMMANDS = {
    "ci": Entry("ci_commands:ci", "Print a file for GitLab CI or GitHub Actions."),
    "close": Entry("session_commands:close", "Close a notebook that `open` started."),
    "compare": Entry("workspace_commands:compare", "Prove that runs of an analysis are equal, on any systems."),
    "compile": Entry("compile_commands:compile_command", "Write the batch files and inputs into a run directory."),
    "completion": Entry("site_commands:completion", "Print the completion script of a shell."),
    "config": Entry("site_commands:config", "Show the settings in force here."),
    "cwl-runner": Entry("cwl_commands:cwl_runner", "Run a CWL document, and print its outputs as JSON."),
    "delete": Entry("cleaning_commands:delete", "Delete ended runs, with their workspaces."),
    "diff": Entry("workspace_commands:diff", "Show how two runs and their workspaces differ."),
    "doctor": Entry("site_commands:doctor", "Check what works on this machine and its site."),
    "download": Entry("workspace_commands:download", "Copy files out of a run's workspace."),
    "du": Entry("workspace_commands:du", "Show how much space a run's workspace takes."),
    "estimate": Entry("estimate_commands:estimate", "Estimate what a run needs, before it starts."),
    "expand": Entry("run_commands:expand", "Compile an expansion of a run."),
    "export": Entry("export_commands:export", "Write the provenance of a run: jobs, files and software."),
    "inspect": Entry("compile_commands:inspect", "Show the graph, and each step's jobs, image and resources."),
    "jobs": Entry("job_commands:jobs", "List the jobs of a run, with their state, host and time."),
    "list": Entry("status_commands:list_runs", "List the runs, the latest first."),
    "logs": Entry("status_commands:logs", "Show the logs of the failed jobs, or of a step."),
    "ls": Entry("workspace_commands:ls", "List the files of a run's workspace."),
    "open": Entry("session_commands:open_command", "Open a notebook on a run's workspace."),
    "prune": Entry("cleaning_commands:prune", "Remove files that are neither inputs nor outputs."),
    "report": Entry("report_commands:report", "Write a page about a run, with charts, failures and usage."),
    "restart": Entry("run_commands:restart", "Start an ended run again, as NAME.N.1, in its workspace."),
    "resume": Entry("run_commands:resume", "Submit a failed or stopped run again, under its number."),
    "run": Entry("run_commands:run", "Compile an analysis into a new run and start it."),
    "samples": Entry("site_commands:samples", "List the samples, or copy one to start from."),
    "secrets-add": Entry("secrets_commands:secrets_add", "Store values and files that jobs need for credentials."),
    "secrets-delete": Entry("secrets_commands:secrets_delete", "Delete secrets by name."),
    "secrets-list": Entry("secrets_commands:secrets_list", "List the secrets by name, never their values."),
    "shell": Entry("shell_commands:shell", "Open a shell where a job ran, and print its command."),
    "sites": Entry("site_commands:sites", "List the site profiles, or show one."),
    "status": Entry("status_commands:status", "Show the state of a run and of its steps, and why it failed."),
    "stop": Entry("run_commands:stop", "Remove a run from its batch system, and end its jobs."),
    "submit": Entry("run_commands:submit", "Submit a run directory that `reana-batch compile` wrote."),
    "test": Entry("workspace_commands:test", "Check a run against its Gherkin test files."),
    "top": Entry("job_commands:top", "Watch the steps of a run and its running jobs."),
    "validate": Entry("compile_commands:validate", "Check an analysis without running it."),
    "wait": Entry("status_commands:wait", "Wait until a run has ended, and show its state."),
}


# The variable with which the completion of a shell calls the program.
COMPLETE = "_REANA_BATCH_COMPLETE"


class LazyGroup(click.Group):
    """A group that imports the module of a command when the command is used."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return elsewhere.command_of(name) if name in elsewhere.VERBS else None
        module, function = COMMANDS[name].place.split(":")
        command = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        if COMPLETE in os.environ:
            from reana_batch.cli import shells

            shells.register()
        return super().main(*args, **extra)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        as_json = asks_for_json(args)
        with usage_errors(as_json=as_json):
            return super().make_context(info_name, args, parent, obj=as_json, **extra)

    def invoke(self, context: click.Context) -> Any:
        with usage_errors(as_json=bool(context.obj)):
            return super().invoke(context)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reana-batch")
@click.pass_context
def main(context: click.Context) -> None:
    """Compile REANA analyses into HTCondor DAGs, Slurm job chains or Makefiles, and run them.

    The batch system itself runs the workflow. No REANA server is needed, and no process that stays on the login node.
    Start with `reana-batch samples`.

    Exit codes: 0 success, 1 the workflow failed, 2 wrong usage, 3 faults in the analysis or settings.
    """
    if os.environ.get("NO_COLOR"):  # https://no-color.org, which click does not support
        context.color = False
