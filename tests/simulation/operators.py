"""Scenarios of an operator: pause and resume a type, redrive and abort."""

from __future__ import annotations

from tests.simulation.attempts import (
    attempt,
    fail,
    progress,
    reject,
    retry_after,
    snooze_for,
    wait,
    watch,
)
from tests.simulation.users import DONE, User
from tests.simulation.world import World

FAST, LONG = "sim.fast", "sim.long"


def pause(world: World, user: User) -> None:
    """Pause while one task runs and others wait: one is canceled, one expires, the rest start later."""
    user.create(attempt(wait(20), fail()), attempt())
    soon = user.create(delay_seconds=40)
    user.create(delay_seconds=40, expires_at="2026-01-01T00:04:00Z")
    user.create(delay_seconds=2000)
    user.sleep(3)
    user.pause(FAST)
    user.create(attempt(fail()), attempt())
    user.create(lane="long")  # another type
    user.sleep(120)
    user.cancel(soon)
    user.sleep(1500)
    user.resume(FAST)
    user.retry(soon)


def pause_while_tasks_fail(world: World, user: User) -> None:
    """Pause for two hours in the middle of retries; resume, pause again at once, and resume."""
    for seconds in (1, 40, 800):
        user.create(attempt(retry_after(seconds)), attempt(snooze_for(seconds)), attempt())
    user.sleep(4)
    user.pause(FAST)
    user.sleep(7200)
    user.resume(FAST)
    user.pause(FAST)
    user.sleep(90)
    user.resume(FAST)


def redrive(world: World, user: User) -> None:
    """Redrive failed tasks: one in the request, the others in the sweep; one fails again and stays failed.

    The first redrive is aborted after its first task. The second one redrives the rest.
    """
    failed = user.create_many(*(user.body(attempt(reject()), attempt()) for _ in range(3)))
    failed += user.create_many(user.body(attempt(reject())))
    for task in failed:
        user.wait_until(task, *DONE)
    user.sleep(1)
    user.abort(user.redrive({"type": FAST}))
    user.sleep(1)
    user.wait_for_redrive(user.redrive({"type": FAST}))


def redrives_side_by_side(world: World, user: User) -> None:
    """Two redrives of the same failed tasks, in one sweep; and a retry of one of them by hand."""
    failed = user.create_many(*(user.body(attempt(reject()), attempt(), tags=["blue"]) for _ in range(4)))
    for task in failed:
        user.wait_until(task, *DONE)
    user.sleep(1)
    both = [user.redrive({"type": FAST}), user.redrive({"tag": "blue"})]
    for each in failed[:1]:
        user.retry(each)
    for each in both:
        user.wait_for_redrive(each)


def cancel_in_bulk(world: World, user: User) -> None:
    """Cancel all live tasks, waiting and running ones."""
    user.create(attempt(watch(200)))
    user.create_many(*(user.body(delay_seconds=seconds) for seconds in (300, 1000)))
    user.sleep(5)
    user.wait_for_redrive(user.redrive({"all": True}, action="cancel"))


def restless_operator(world: World, user: User) -> None:
    """Tasks of all kinds, and random actions of an operator."""
    random = world.plan.random
    world.browser()
    choices = (
        attempt(),
        attempt(fail()),
        attempt(reject()),
        attempt(wait(30), progress(50)),
        attempt(snooze_for(30)),
        attempt(watch(20)),
    )
    ids: list[str] = []
    running: list[str] = []
    for _ in range(random.randint(4, 9)):
        lane = random.choice(("fast", "fast", "long"))
        attempts = [*(random.choice(choices) for _ in range(2)), attempt()]
        delay = random.choice((0, 0, 10, 400))
        ids += user.create_many(*(user.body(*attempts, lane=lane, delay_seconds=delay) for _ in range(2)))
        user.sleep(random.choice((0.1, 3, 30, 200)))
        act = random.randint(0, 6)
        if act < 2:
            user.pause(random.choice((FAST, LONG)))
        elif act == 2:
            user.resume(random.choice((FAST, LONG)))
        elif act == 3:
            running.append(user.redrive(random.choice(({"type": FAST}, {"all": True}))))
        elif act == 4:
            running.append(user.redrive({"type": LONG}, action="cancel"))
        elif act == 5:
            user.abort(random.choice(running or [""]))
        else:
            random.choice((user.cancel, user.retry, user.delete))(random.choice(ids or [""]))
    user.sleep(random.choice((1, 100, 4000)))
    world.plan.over = True  # a task of a paused type would never end
    for name in (FAST, LONG):
        user.resume(name)
