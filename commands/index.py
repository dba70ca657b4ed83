"""placeholder"""

import click


@click.command()
def index() -> None: ...
