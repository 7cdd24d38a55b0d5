"""The examples in the help of every command, and what each of them says to run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import click
from click.testing import CliRunner

NAME: Final = "klaviyo-streams"
HEADING: Final = "Examples:"

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleProgram:
    """Program in a line of shell, with its arguments.

    Attributes:
        arguments: It and its arguments.
        environ: What is assigned before it.
        source: File that is its standard input; empty where none is named.
        target: File that takes its standard output.
    """

    arguments: tuple[str, ...]
    environ: dict[str, str]
    source: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A line of a command's examples.

    Attributes:
        command: The command in whose help it is: `audiences export`.
        line: What a person would paste, on one line.
    """

    command: str
    line: str

    def programs(self) -> Iterator[ExampleProgram]:
        """Take it apart at its pipes.

        Raises:
            ValueError: No shell would take it.
        """
        try:
            yield from self._parted()
        except ValueError as fault:
            raise ValueError(f"help of {self.command}: {self.line}: {fault}") from None

    def _parted(self) -> Iterator[ExampleProgram]:
        lexer = shlex.shlex(self.line, posix=True, punctuation_chars="|<>")
        lexer.whitespace_split = True
        part: list[str] = []
        for argument in [*lexer, "|"]:
            if argument != "|":
                part.append(argument)
                continue
            yield _stage(part)
            part = []


def _stage(part: list[str]) -> ExampleProgram:
    environ, files, arguments = {}, {"<": "", ">": ""}, list[str]()
    rest = iter(part)
    for argument in rest:
        if argument in files:
            files[argument] = next(rest, "")
        elif not arguments and _ASSIGNMENT.match(argument):
            name, _, value = argument.partition("=")
            environ[name] = value
        else:
            arguments.append(argument)
    if not arguments:
        raise ValueError("no program on one side of a pipe")
    return ExampleProgram(
        arguments=tuple(arguments),
        environ=environ,
        source=files["<"],
        target=files[">"],
    )


def commands(group: click.Group, *above: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, and those below them, by its whole name."""
    for name, command in subcommands(group).items():
        yield " ".join([*above, name]), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


def subcommands(group: click.Group) -> dict[str, click.Command]:
    """Commands of a group by name; those of the program are imported for it."""
    context = click.Context(group)
    named = {
        name: group.get_command(context, name) for name in group.list_commands(context)
    }
    return {name: command for name, command in named.items() if command}


def called_command(
    group: click.Group, arguments: tuple[str, ...]
) -> tuple[str, click.Command]:
    """Which command the words after the program's name call."""
    command: click.Command = group
    names: list[str] = []
    for argument in arguments:
        if isinstance(command, click.Group) and argument in subcommands(command):
            command = subcommands(command)[argument]
            names.append(argument)
    return " ".join(names), command


def has_option(command: click.Command, option: str) -> bool:
    """Return True if a command has an option."""
    return any(option in parameter.opts for parameter in command.params)


def examples_of(group: click.Group, name: str) -> list[Example]:
    """Read the examples that a command's `--help` prints; none without the heading."""
    shown = CliRunner().invoke(group, [*name.split(), "--help"], terminal_width=80)
    lines = iter(shown.output.splitlines())
    heading = next((line for line in lines if line.strip() == HEADING), None)
    if heading is None:
        return []
    margin = len(heading) - len(heading.lstrip())
    block: list[str] = []
    for line in lines:
        if len(line) - len(line.lstrip()) <= margin:
            break
        block.append(line.strip())
    joined = "\n".join(block).replace("\\\n", "")
    return [Example(command=name, line=line) for line in joined.splitlines()]
