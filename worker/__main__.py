"""`python -m worker`: serve jobs until SIGTERM."""

from worker.app import serve

if __name__ == "__main__":
    serve()
