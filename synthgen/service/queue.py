"""The bell: a Celery application that carries one job id, and nothing else, to a worker."""

from __future__ import annotations

from celery import Celery
from kombu.exceptions import ChannelError

from synthgen.errors import Unavailable
from synthgen.service.settings import Settings

RUN_JOB = "run_job"


def make_queue(settings: Settings) -> Celery:
    """The Celery application of this installation: JSON only, early acknowledgement, results ignored."""
    queue = Celery("synthgen", broker=settings.broker, set_as_current=False)
    queue.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=False,
        task_store_errors_even_if_ignored=False,
        task_default_queue="quick",
        task_create_missing_queues=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_connect_timeout": 5, "max_retries": 1, "interval_max": 0.2},
        enable_utc=True,
    )
    return queue


def ring(queue: Celery, job_id: str, name: str) -> None:
    """Send one job id to the queue `name`; raises `Unavailable` when the broker does not answer."""
    try:
        queue.send_task(RUN_JOB, args=[job_id], queue=name, retry=False, ignore_result=True)
    except Exception as error:  # the broker's client raises errors of several libraries
        raise Unavailable("The message broker did not answer.", "The job stays queued.") from error


def waiting(queue: Celery, name: str) -> int:
    """How many messages the broker holds in a queue; raises `Unavailable` when it does not answer."""
    try:
        with queue.connection_for_read() as connection:
            return int(connection.default_channel.queue_declare(queue=name, passive=True).message_count)
    except ChannelError:
        return 0  # no such list: an empty one is none
    except Exception as error:  # as above
        raise Unavailable("The message broker did not answer.", "Jobs stay queued.") from error


def check(settings: Settings) -> None:
    """Raise `Unavailable` when the broker does not answer within a second or two."""
    queue = make_queue(settings)
    try:
        with queue.connection_for_write(transport_options={"socket_connect_timeout": 2}) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except Exception as error:
        raise Unavailable("The message broker did not answer.", "Jobs are queued but none will start.") from error
    finally:
        queue.close()
