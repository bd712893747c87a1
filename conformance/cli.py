# SPDX-License-Identifier: Apache-2.0
"""The command `kube-service-conformance`: run, smoke, replay, requirements, selftest."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

import conformance
from conformance.errors import UsageError
from conformance.options import OPTIONS, settle

COULD_NOT_RUN = 2

F = TypeVar("F", bound=Callable[..., Any])


class _Group(click.Group):
    """Turns every UsageError into one line and exit code 2, and knows the closest command."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(COULD_NOT_RUN) from error

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from conformance.errors import unknown

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            click.echo(f"error: {unknown('command', args[0], self.commands)}", err=True)
            raise SystemExit(COULD_NOT_RUN)
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(conformance.__version__, prog_name=conformance.DISTRIBUTION)
def main() -> None:
    """Judge an implementation of Kubernetes Services."""
    signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """A request to end is handled as an interrupt is: with a report of what was done."""
    raise KeyboardInterrupt


def _run_options(*names: str) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(OPTIONS):
            if names and option.name not in names:
                continue
            function = click.option(
                f"--{option.name}",
                option.key,
                multiple=option.many,
                default=None,
                help=f"{option.help} [default: {option.default or 'none'}; env: {option.variable}]",
            )(function)
        return function

    return decorate


@main.command()
@_run_options()
@click.argument("more_manifests", nargs=-1, metavar="[FILE]...")
def run(more_manifests: tuple[str, ...], **options: Any) -> None:
    """Judge an implementation on generated clusters, and on your own with --manifests FILE...

    Exit codes: 0 conformant, 1 deviations, 2 could not run.
    """
    from conformance.adapters.loading import is_in_process
    from conformance.guard import guarded
    from conformance.judging import perform, prepare
    from conformance.progress import Progress
    from conformance.text import full, summary

    if more_manifests:
        if not options["manifests"]:
            raise UsageError(
                f"unexpected argument {more_manifests[0]!r}", hint="files follow the option --manifests"
            )
        options["manifests"] = (*options["manifests"], *more_manifests)
    settings = settle(options)
    prepared = prepare(settings)
    for line in prepared.lines():
        click.echo(line, err=True)
    if settings["seed"] == "random":
        click.echo(f"seed drawn: {prepared.seed}", err=True)

    def judge() -> int:
        with Progress() as progress:
            result = perform(prepared, listener=progress.listener())
        for verdict in result.verdicts:
            if verdict.failure is not None:
                adapter, options = settings["adapter"], prepared.adapter_options
                click.echo(full(verdict, adapter=adapter, options=options))
                click.echo()
        for line in summary(result):
            click.echo(line)
        if prepared.report is not None:
            click.echo(f"report: {prepared.report}")
        return result.exit_code

    raise SystemExit(guarded(judge) if is_in_process(settings["adapter"]) else judge())


@main.command()
@_run_options("adapter", "adapter-option", "profile")
def smoke(**options: Any) -> None:
    """Check an adapter's plumbing, before anything is judged."""
    from conformance.adapters.loading import start_adapter
    from conformance.adapters.options import effective
    from conformance.profiles import load_profile
    from conformance.smoke import smoke as checks

    settings = settle(options)
    profile = load_profile(settings["profile"])
    session = start_adapter(
        settings["adapter"], timeouts=profile.timeouts, options=effective(settings, profile)
    )
    good = True
    with session:
        for check in checks(session):
            good = good and check.ok
            click.echo(f"{'ok' if check.ok else 'FAILED':<7} {check.name}: {check.detail}")
            if check.advice:
                click.echo(f"        {check.advice}")
    raise SystemExit(0 if good else COULD_NOT_RUN)


@main.command()
@_run_options("adapter", "adapter-option", "profile")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def replay(files: tuple[str, ...], **options: Any) -> None:
    """Judge stored reproducers again, on any adapter."""
    from conformance import replaying
    from conformance.adapters.options import effective
    from conformance.profiles import load_profile
    from conformance.text import full

    settings = settle(options)
    profile = load_profile(settings["profile"])
    given = effective(settings, profile)
    paths = [Path(name) for name in files]
    failed = False
    for name, verdict in replaying.replay(paths, adapter=settings["adapter"], profile=profile, options=given):
        failed = failed or verdict.outcome.fails
        click.echo(f"{name}:")
        click.echo(full(verdict, adapter=settings["adapter"], options=given))
    raise SystemExit(1 if failed else 0)


@main.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--coverage", is_flag=True, help="the matrix of rows, invariants and states")
@click.option(
    "--report", type=click.Path(path_type=Path), default=None, help="take the inputs from this report"
)
def requirements(ids: tuple[str, ...], *, coverage: bool, report: Path | None) -> None:
    """List the requirements, all or those with these ids, or how each is covered."""
    from conformance.requirements import coverage_text, requirements_text

    click.echo(coverage_text(ids, report_path=report) if coverage else requirements_text(ids))


@main.command()
@click.argument("names", nargs=-1, metavar="[FAULT|AREA]...")
@click.option("--clusters", type=click.IntRange(1), help="look at so many generated clusters at the most")
@click.option("--workers", type=click.IntRange(1), help="so many processes; default: one for each processor")
@click.option(
    "--soak",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="judge the reference itself on so many clusters; 0 for none",
)
@click.option("--mutants", is_flag=True, help="judge every mutant of the model besides (takes long)")
@click.option("--expect", type=click.Path(path_type=Path), help="compare the matrix with this file")
@click.option("--write", type=click.Path(path_type=Path), help="write the matrix to this file")
def selftest(
    names: tuple[str, ...],
    *,
    clusters: int | None,
    workers: int | None,
    soak: int,
    mutants: bool,
    expect: Path | None,
    write: Path | None,
) -> None:
    """Prove that the suite catches bugs: plant faults in the reference, and see each reported.

    Columns of a reproducer: Services (S), pods (P), API requests (R), selections (L).
    Exit codes: 0 all are reported, 1 one escapes or the reference is accused, 2 could not run.
    """
    from conformance import proof
    from conformance.progress import Progress

    with Progress() as progress:
        outcome = proof.prove(
            proof.Wanted(
                names=names,
                clusters=clusters,
                workers=workers,
                soak=soak,
                mutants=mutants,
                expect=expect,
                write=write,
            ),
            listener=progress.listener(),
        )
    for line in outcome.lines:
        click.echo(line)
    raise SystemExit(1 if outcome.fails else 0)


if __name__ == "__main__":
    sys.exit(main())
