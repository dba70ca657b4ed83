"""The `clone` command: one module per subcommand."""

import click

from commands.ask import ask
from commands.chat import chat
from commands.doctor import doctor
from commands.failure import CommandLine
from commands.graph import graph
from commands.index import index
from commands.init import init
from commands.migrate import migrate
from commands.serve import serve
from commands.work import work


@click.group(
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
def command_line() -> None:
    """A clone of a person that answers their WhatsApp contacts.

    \b
    clone serve                  open the simulator at http://127.0.0.1:8080
    clone ask "who are you?"     one question, one answer, no WhatsApp
    clone init                   make the clone yours
    clone doctor                 what is missing, and what to do about it

    Settings come from the environment and from a file named .env (see .env.example).
    Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
    """  # noqa: D301


for command in (init, serve, work, index, ask, chat, doctor, graph, migrate):
    command_line.add_command(command)
