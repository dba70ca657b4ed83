"""How gunicorn serves the webhook: `gunicorn 'app:create_app()'`, behind a buffering proxy.

`clone serve` (waitress) is the lighter way and stands alone; with threads, gunicorn is silenced by
a few slow clients, so it belongs behind a proxy that reads requests whole, as Replit's does.
"""

import os
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

_settings = {**dotenv_values(Path(__file__).with_name(".env")), **os.environ}

bind = f"{_settings.get('CLONE_HOST') or '127.0.0.1'}:{_settings.get('PORT') or '8080'}"

# One: a request only stores its message and wakes the worker process. A second web process would
# cost its memory, and each of them would watch over a worker.
workers = 1
worker_class = "gthread"
threads = 8

timeout = 60
# At most 25 s of it go to the turns that are being answered: see worker_exit.
graceful_timeout = 30

# Request lines hold media tokens, so they are not logged; errors go to standard error.
accesslog = None
# Its run-time control channel would be one more door, in the home folder of whoever runs it.
control_socket_disable = True


def worker_exit(server: Any, worker: Any) -> None:
    """Stop the worker process that this web process started, and wait for its turns.

    gunicorn calls this too when the application never loaded, and then there is nothing to stop.
    """
    extensions = getattr(getattr(worker, "wsgi", None), "extensions", {})
    if "clone" in extensions:
        extensions["clone"].stop()
