"""Scenarios: what an owner does in a world, and which faults happen in every run of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.simulation import operators
from tests.simulation.attempts import (
    CHOICES,
    Attempt,
    attempt,
    big_result,
    fail,
    freeze,
    progress,
    reject,
    retry_after,
    snooze_for,
    wait,
    watch,
)
from tests.simulation.calls import Call, Fault, Trouble
from tests.simulation.plans import FaultAt, NoFaults
from tests.simulation.users import DONE, User
from tests.simulation.world import World

Script = Callable[[World, User], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script, and the settings and faults of its world."""

    script: Script
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Callable[[int], NoFaults] | None = None  #: the faults of every run of it


def success(world: World, user: User) -> None:
    """A watched task that reports progress and succeeds."""
    world.browser()
    user.sleep(1)
    user.create(attempt(progress(10), wait(2), progress(90)))


def big(world: World, user: User) -> None:
    """Payload and result stored as items of their own; a task is deleted at the end."""
    task = user.create(attempt(fail()), attempt(big_result()), pad=2000)
    user.wait_until(task, *DONE)
    user.create(attempt(big_result()), pad=2000)
    user.delete(task)


def retries(world: World, user: User) -> None:
    """Two failures, a short and a long wait, then a success."""
    user.create(attempt(fail()), attempt(retry_after(50)), attempt(progress(50)))


def failure(world: World, user: User) -> None:
    """A task that fails for good, is redriven, and succeeds."""
    task = user.create(attempt(fail()), attempt(progress(50)), max_attempts=1)
    user.wait_until(task, *DONE)
    user.retry(task)


def two_failures(world: World, user: User) -> None:
    """A task that fails for good, is redriven, and fails for good again."""
    task = user.create(attempt(reject()))
    user.wait_until(task, *DONE)
    user.retry(task)


def snooze(world: World, user: User) -> None:
    """A task that snoozes, for a short and for a long time."""
    user.create(attempt(snooze_for(4)), attempt(snooze_for(1000)), attempt(fail()), attempt())


def cancel_waiting(world: World, user: User) -> None:
    """A delayed task that is canceled and redriven."""
    task = user.create(delay_seconds=300)
    user.sleep(3)
    user.cancel(task)
    user.retry(task)


def cancel_running(world: World, user: User) -> None:
    """A run that obeys the cancel request, one that fails after it, and one that ignores it."""
    obeying = user.create(attempt(watch(30)))
    failing = user.create(attempt(wait(8), fail()))
    ignoring = user.create(attempt(wait(8)))
    user.sleep(3)
    for task in (obeying, failing, ignoring):
        user.cancel(task)


def silence(world: World, user: User) -> None:
    """A run that reports nothing until its deadline, and a healthy one beside it."""
    user.create(attempt(wait(500)), attempt(), timeout_seconds=20)
    user.create(attempt(wait(5)))


def delays(world: World, user: User) -> None:
    """Delayed tasks: started by a message, started by the sweep, and one that expires."""
    user.create(delay_seconds=100)
    user.create(delay_seconds=2000)
    user.create(delay_seconds=400, expires_at="2026-01-01T00:06:00Z")


def same_key(world: World, user: User) -> None:
    """One Idempotency-Key, used twice; and again with a big payload."""
    for pad in (0, 2000):
        for _ in range(2):
            user.create(key=f"order-{pad}", pad=pad)


def batch(world: World, user: User) -> None:
    """Three tasks in one request, in both lanes."""
    user.create_many(user.body(), user.body(attempt(fail()), attempt(), lane="long"), user.body(pad=2000))


def delivery(world: World, user: User) -> None:
    """Six tasks that are claimed together. They end together, one by one, and with all outcomes."""
    short = wait(3)
    tasks = user.create_many(
        user.body(),
        user.body(attempt(short)),
        user.body(attempt(fail()), attempt()),
        user.body(attempt(reject())),
        user.body(attempt(short, big_result()), pad=2000),
        user.body(attempt(wait(8), fail())),
    )
    user.sleep(3)
    for task in tasks[5:]:
        user.cancel(task)


def long_lane(world: World, user: User) -> None:
    """A long run that renews its lease by progress, past the first sweep that reads it."""
    steps = attempt(wait(200), progress(30), wait(200), progress(60))
    user.create(steps, lane="long", timeout_seconds=250)


def browsers(world: World, user: User) -> None:
    """Clients that connect, drop and reconnect while tasks run."""
    one, batched = world.browser("one"), world.browser("batched", batch="1")
    user.sleep(1)
    user.create(attempt(watch(20)))
    user.sleep(4)
    one.drop()
    user.create(attempt(fail()), attempt())
    user.sleep(3)
    batched.drop()
    world.browser("late")


def subscriber(world: World, user: User) -> None:
    """A client that subscribes to one task while it runs."""
    client = world.browser("subscriber", watch="none")
    user.sleep(1)
    task = user.create(attempt(watch(12)))
    client.subscribe(task)


def old_reads(world: World, user: User) -> None:
    """Eventually consistent reads return old data, while clients connect one after the other."""
    for number in range(3):
        world.browser(f"browser {number}")
        user.sleep(1)
        user.create(attempt(fail()), attempt())
        user.sleep(20)


def unrecognized_messages(world: World, user: User) -> None:
    """Unrecognized messages between task messages."""
    world.send_unrecognized("hello")
    user.create()
    world.send_unrecognized('{"id": 7}')


def poison(world: World, user: User) -> None:
    """A task whose message kills every worker that receives it; after the redrive it does not."""
    task = user.create()
    user.wait_until(task, *DONE, seconds=8 * 3600)
    world.plan.over = True
    user.retry(task)


def late_copies(world: World, user: User) -> None:
    """A copy of every write arrives seven seconds later."""
    client = world.browser("subscriber", watch="none")
    user.sleep(1)
    task = user.create(attempt(watch(30)), attempt())
    client.subscribe(task)
    user.create(attempt(fail()), attempt(wait(10), big_result()))
    user.sleep(12)
    user.cancel(task)
    user.sleep(5)
    user.retry(task)
    delayed = user.create(delay_seconds=60)
    user.cancel(delayed)
    user.retry(delayed)


def zombie(world: World, user: User) -> None:
    """A worker that is frozen while its task fails for good, is redriven, and runs again."""
    _fail_and_redrive(user, attempt(wait(1), progress(5)))


def zombie_awake(world: World, user: User) -> None:
    """As `zombie_result`, but the worker is frozen in the middle of its work, and reports progress."""
    _fail_and_redrive(user, attempt(wait(1), freeze(250), progress(5)))


def _fail_and_redrive(user: User, first: Attempt) -> None:
    work = attempt(wait(2), progress(10), wait(40), progress(50), wait(50), progress(90), wait(50))
    task = user.create(
        first,
        work,
        lane="long",
        max_attempts=1,
        timeout_seconds=60,
    )
    user.wait_until(task, *DONE)
    user.retry(task)


def late_failure(world: World, user: User) -> None:
    """A run that fails after its task's `expires_at`."""
    steps = attempt(wait(50), progress(1), wait(50), progress(2), wait(40), fail())
    user.create(steps, lane="long", timeout_seconds=60, expires_at="2026-01-01T00:01:40Z")


def prefer_wait(world: World, user: User) -> None:
    """Requests with `Prefer: wait`: the task ends in time, after a retry, and too late."""
    user.prefer_wait = 10
    user.create(attempt(wait(3)))
    user.create(attempt(fail()), attempt(), key="once")
    task = user.create(attempt(wait(30)))
    user.get(task)


def near_the_end(world: World, user: User) -> None:
    """A canceled task that is redriven just before its retention ends, and still runs after that."""
    task = user.create(attempt(wait(50)), delay_seconds=600)
    user.cancel(task)
    user.sleep(3590)
    user.retry(task)


def no_queue(world: World, user: User) -> None:
    """Every message is lost for six hours; then none."""
    world.browser()
    user.create()
    user.create(delay_seconds=3000)
    user.sleep(6 * 3600)


def _no_fault(call: Call) -> Trouble | None:
    return None


def _lost(event: str) -> int:
    return int(event == "message lost")


def _old(event: str) -> int:
    return int(event == "read old")


def _no_claim(call: Call) -> Trouble | None:
    claims = call.function == "run_tasks" and "claim_id" in call.body
    return Trouble(fault=Fault.CRASH_BEFORE) if claims else None


def _late_copies(call: Call) -> Trouble | None:
    writes = call.service == "dynamodb" and call.writes
    return Trouble(fault=Fault.LATE_COPY, milliseconds=7000) if writes else None


def _zombie(text: str) -> Callable[[int], NoFaults]:
    """The first worker is frozen for four minutes before a write that contains `text`."""

    def rule(call: Call) -> Trouble | None:
        first = call.process == "run_long_tasks/1" and call.service == "dynamodb" and text in call.body
        return Trouble(fault=Fault.FROZEN, milliseconds=250_000) if first else None

    return lambda seed: FaultAt(rule, seed=seed)


def busy(world: World, user: User) -> None:
    """A random mixture of requests, drawn from the seed."""
    random = world.plan.random
    world.browser("one")
    world.browser("batched", batch="1")
    ids: list[str] = []
    for number in range(random.randint(3, 6)):
        act = random.choice((_post, _post, _post, _post_once, _post_many))
        ids += act(world, user, number)
        user.sleep(random.choice((0.01, 0.5, 5, 40)))
    for _ in range(random.randint(2, 8)):
        user.sleep(random.choice((0.1, 3, 30, 300)))
        chosen = random.choice(ids or [""])
        random.choice((user.cancel, user.cancel, user.retry, user.retry, user.get, user.delete))(chosen)
        if world.plan.chance("browser drops"):
            random.choice(world.browsers).drop()
    if random.random() < 0.2:
        world.send_unrecognized("nonsense")
    user.sleep(random.choice((1, 60, 600)))


def _body(world: World, user: User) -> dict[str, Any]:
    random = world.plan.random
    fields: dict[str, Any] = {"max_attempts": random.randint(1, 4)}
    if random.random() < 0.3:
        fields["delay_seconds"] = random.choice((1, 20, 500, 1500))
    if random.random() < 0.2:
        ends = world.now() + timedelta(seconds=fields.get("delay_seconds", 0) + random.choice((20, 200, 900)))
        fields["expires_at"] = f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    attempts = [*(random.choice(CHOICES) for _ in range(random.randint(1, 3))), attempt()]
    lane, pad = random.choice(("fast", "fast", "fast", "long")), random.choice((0, 0, 2000))
    return user.body(*attempts, pad=pad, lane=lane, **fields)


def _post(world: World, user: User, number: int) -> list[str]:
    return [user.post(_body(world, user))]


def _post_once(world: World, user: User, number: int) -> list[str]:
    body = _body(world, user)
    return [user.post(body, key=f"key-{number}") for _ in range(2)]


def _post_many(world: World, user: User, number: int) -> list[str]:
    return user.create_many(*[_body(world, user) for _ in range(3)])


RANDOM: dict[str, Scenario] = {
    "random": Scenario(busy),
    "random_many_buckets": Scenario(busy, {"task_buckets": 4, "due_buckets": 4}),
    "random_without_partial_batches": Scenario(busy, {"report_failures": False}),
    "random_operators": Scenario(operators.restless_operator),
}

SCENARIOS: dict[str, Scenario] = {
    **{
        script.__name__: Scenario(script)
        for script in (
            success,
            big,
            retries,
            failure,
            two_failures,
            snooze,
            cancel_waiting,
            cancel_running,
            silence,
            delays,
            same_key,
            batch,
            delivery,
            long_lane,
            browsers,
            subscriber,
            late_failure,
            prefer_wait,
            zombie_awake,
            unrecognized_messages,
            operators.pause,
            operators.pause_while_tasks_fail,
            operators.redrive,
            operators.redrives_side_by_side,
            operators.cancel_in_bulk,
        )
    },
    "near_the_end": Scenario(near_the_end, {"retention_days": 1 / 24}),
    "poison": Scenario(poison, plan=lambda seed: FaultAt(_no_claim, seed=seed)),
    "no_queue": Scenario(no_queue, plan=lambda seed: FaultAt(_no_fault, _lost, seed)),
    "zombie_result": Scenario(zombie, plan=_zombie("attempts")),
    "zombie_progress": Scenario(zombie, plan=_zombie("lease_until <= :until")),
    "late_copies": Scenario(late_copies, plan=lambda seed: FaultAt(_late_copies, seed=seed)),
    "old_reads": Scenario(old_reads, plan=lambda seed: FaultAt(_no_fault, _old, seed)),
    "no_partial_batches": Scenario(retries, {"report_failures": False}),
}
