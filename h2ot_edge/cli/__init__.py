"""The command `h2ot` with its sub-commands, each of which is also a command `h2ot-<name>`.

A sub-command is a module with `SUMMARY`, `add_arguments(parser)` and `run(args) -> status`, and one
line in `_COMMANDS`; it is imported only when it is the one that was asked for. It may have commands
of its own in `SUBCOMMANDS`, which are such modules too.

Exit status: 0; 1 if a check failed; 2 for wrong use or input; 130 after Ctrl-C. Results go to
stdout, everything else to stderr. With `--json` stdout has exactly one JSON document, which is
{"error": {"type": ..., "message": ...}} when the command fails, with the "report" of a comparison
that failed.
"""

import argparse
import importlib
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn, Protocol, cast

from h2ot_edge import __version__
from h2ot_edge._names import unknown
from h2ot_edge.cli.output import status_of, write_error
from h2ot_edge.errors import CheckFailed, H2OTError, UsageError

__all__ = [
    "bench",
    "build",
    "cache",
    "doctor",
    "evaluate",
    "export",
    "infer",
    "inspect",
    "live",
    "main",
    "models",
    "train",
]

_logger = logging.getLogger(__name__)

# The modules end in _ because importing h2ot_edge.cli.infer would put it in the place of infer().
_COMMANDS = {
    "bench": "h2ot_edge.cli.bench_",
    "build": "h2ot_edge.cli.build_",
    "cache": "h2ot_edge.cli.cache_",
    "doctor": "h2ot_edge.cli.doctor_",
    "eval": "h2ot_edge.cli.eval_",
    "export": "h2ot_edge.cli.export_",
    "infer": "h2ot_edge.cli.infer_",
    "inspect": "h2ot_edge.cli.inspect_",
    "live": "h2ot_edge.cli.live_",
    "models": "h2ot_edge.cli.models_",
    "train": "h2ot_edge.cli.train_",
}
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Command(Protocol):
    """A sub-command's module."""

    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes; imports nothing heavy."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it and return the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """`h2ot`: pick the sub-command.

    Args:
        argv: arguments without the program's name; those of the process if None.

    Returns:
        The exit status.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in _COMMANDS:
        return _run(arguments[0], arguments[1:], f"h2ot {arguments[0]}")
    if arguments and not arguments[0].startswith("-"):
        error = unknown("command", arguments[0], _COMMANDS)
        return _fail("h2ot", error, "--json" in arguments)
    return _overview(arguments)


def bench(argv: Sequence[str] | None = None) -> int:
    """`h2ot-bench`, the same as `h2ot bench`; arguments and result as for `main`."""
    return _run("bench", argv, "h2ot-bench")


def build(argv: Sequence[str] | None = None) -> int:
    """`h2ot-build`, the same as `h2ot build`; arguments and result as for `main`."""
    return _run("build", argv, "h2ot-build")


def cache(argv: Sequence[str] | None = None) -> int:
    """`h2ot-cache`, the same as `h2ot cache`; arguments and result as for `main`."""
    return _run("cache", argv, "h2ot-cache")


def doctor(argv: Sequence[str] | None = None) -> int:
    """`h2ot-doctor`, the same as `h2ot doctor`; arguments and result as for `main`."""
    return _run("doctor", argv, "h2ot-doctor")


def evaluate(argv: Sequence[str] | None = None) -> int:
    """`h2ot-eval`, the same as `h2ot eval`; arguments and result as for `main`."""
    return _run("eval", argv, "h2ot-eval")


def export(argv: Sequence[str] | None = None) -> int:
    """`h2ot-export`, the same as `h2ot export`; arguments and result as for `main`."""
    return _run("export", argv, "h2ot-export")


def infer(argv: Sequence[str] | None = None) -> int:
    """`h2ot-infer`, the same as `h2ot infer`; arguments and result as for `main`."""
    return _run("infer", argv, "h2ot-infer")


def inspect(argv: Sequence[str] | None = None) -> int:
    """`h2ot-inspect`, the same as `h2ot inspect`; arguments and result as for `main`."""
    return _run("inspect", argv, "h2ot-inspect")


def live(argv: Sequence[str] | None = None) -> int:
    """`h2ot-live`, the same as `h2ot live`; arguments and result as for `main`."""
    return _run("live", argv, "h2ot-live")


def models(argv: Sequence[str] | None = None) -> int:
    """`h2ot-models`, the same as `h2ot models`; arguments and result as for `main`."""
    return _run("models", argv, "h2ot-models")


def train(argv: Sequence[str] | None = None) -> int:
    """`h2ot-train`, the same as `h2ot train`; arguments and result as for `main`."""
    return _run("train", argv, "h2ot-train")


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Appends a default where there is one to tell."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, argparse.SUPPRESS) or not action.option_strings:
            return action.help
        return super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Raises, so that wrong use is reported like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help shows what it takes")


def _overview(arguments: Sequence[str]) -> int:
    """`h2ot` without a sub-command: help, version, or what is wrong."""
    parser = _Parser(
        prog="h2ot",
        usage="h2ot [-h] [--version] COMMAND ...",
        description="Pruned video pose transformers, from checkpoint to poses on the device.",
        epilog="h2ot COMMAND --help shows what a command takes.",
    )
    _add_version(parser)
    group = parser.add_argument_group("commands")
    for name, module in _COMMANDS.items():
        group.add_argument(name, nargs="?", metavar=name, help=_command(module).SUMMARY)
    try:
        parser.parse_args(arguments)
        parser.error("expected a command")
    except SystemExit as stop:  # --help and --version
        return _status(stop)
    except UsageError as error:
        return _fail("h2ot", error, "--json" in arguments)


def _run(name: str, argv: Sequence[str] | None, prog: str) -> int:
    """Parse, call, report."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        command, taken, prog = _chosen(_COMMANDS[name], arguments, prog)
        args = _parser(command, prog).parse_args(taken)
        with _logging(prog, args.verbose, args.quiet):
            return _reported(command, args, prog)
    except SystemExit as stop:  # --help and --version
        return _status(stop)
    except H2OTError as error:  # of parsing; it cannot be known yet how much to tell
        return _fail(prog, error, "--json" in arguments)


def _chosen(module: str, arguments: list[str], prog: str) -> tuple[Command, list[str], str]:
    """The command, or that of its own which the first argument names; arguments; its name."""
    command = _command(module)
    inner: Mapping[str, str] = getattr(command, "SUBCOMMANDS", {})
    if arguments and arguments[0] in inner:
        return _command(inner[arguments[0]]), arguments[1:], f"{prog} {arguments[0]}"
    return command, arguments, prog


def _reported(command: Command, args: argparse.Namespace, prog: str) -> int:
    try:
        return command.run(args)
    except KeyboardInterrupt:
        _logger.debug("interrupted", exc_info=True)
        return _INTERRUPTED
    except (H2OTError, OSError) as error:
        _logger.debug("this is where it came from:", exc_info=True)
        return _fail(prog, error, args.json)


def _fail(prog: str, error: Exception, as_json: bool) -> int:
    """Tell the error and return its exit status."""
    if as_json:
        write_error(error, error.report if isinstance(error, CheckFailed) else None)
    sys.stderr.write(f"{prog}: error: {error}\n")
    return status_of(error)


def _status(stop: SystemExit) -> int:
    return stop.code if isinstance(stop.code, int) else 0


def _command(module: str) -> Command:
    return cast(Command, importlib.import_module(module))


def _parser(command: Command, prog: str) -> _Parser:
    parser = _Parser(prog=prog, description=command.SUMMARY, formatter_class=_HelpFormatter)
    command.add_arguments(parser)
    group = parser.add_argument_group("talking")
    group.add_argument("--json", action="store_true", help="print one JSON document to stdout")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="tell more; twice: and tracebacks"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="tell errors only")
    _add_version(group)
    return parser


def _add_version(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--version", action="version", version=f"h2ot-edge {__version__}")


@contextmanager
def _logging(prog: str, verbose: int, quiet: bool) -> Iterator[None]:
    """Send the package's log to stderr for the length of a command."""
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogFormatter(prog))
    logger = logging.getLogger("h2ot_edge")
    before = logger.level
    logger.setLevel(logging.ERROR if quiet else levels[min(verbose, 2)])
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _LogFormatter(logging.Formatter):
    """Writes log lines as the errors are written: `h2ot-infer: warning: ...`."""

    def __init__(self, prog: str) -> None:
        super().__init__()
        self._prog = prog

    def formatMessage(self, record: logging.LogRecord) -> str:
        return f"{self._prog}: {record.levelname.lower()}: {record.message}"
