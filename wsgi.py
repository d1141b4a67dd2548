"""For a WSGI server of your own: `gunicorn -k gthread --threads 128 --no-control-socket wsgi:app` (one worker)."""

from helpdesk.processes.web import application

app = application()
