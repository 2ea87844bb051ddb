"""Plays every road once undisturbed, and then once for each place to die on it."""

import shutil
from pathlib import Path

from django.conf import settings

from imagegen import conf
from tests.crash_points import roles
from tests.crash_points.outcomes import Outcome, Report
from tests.crash_points.processes import Companion, in_a_process
from tests.crash_points.roads import ROADS, Road
from tests.crash_points.roles import Walk
from tests.crash_points.steps import Step, thinned


class Play:
    """Lets processes die over jobs, and survivors finish what they leave."""

    def __init__(self, survivors: Companion) -> None:
        self._survivors = survivors
        self._report = Report({}, [])

    def all(self) -> Report:
        for road in ROADS:
            self._die_everywhere(road)
        return self._report

    def _die_everywhere(self, road: Road) -> None:
        trail = self._play(road, "")
        self._report.trails[road] = trail
        for step in thinned(road.own(trail)):
            self._play(road, step.name)

    def _play(self, road: Road, end: str) -> list[Step]:
        """Make a job, die over it at the step named `end`, let survivors finish it, and return the steps of the road."""
        _empty_folders()
        job = self._survivors.ask(roles.new_job, road.story, len(self._report.outcomes))
        walks = [*self._walks_before(road), Walk(road.who, end)]
        steps, was_as_planned, is_answered = None, True, False
        for walk in walks:
            steps = in_a_process(roles.walk, job.pk, walk)
            was_as_planned &= (steps is None) == bool(walk.end)
            is_answered |= self._survivors.ask(roles.is_answered, job.pk)
        rest, later = self._survivors.ask(roles.last_survivors, job.pk)
        deaths = [walk.end for walk in walks if walk.end]
        self._report.outcomes.append(Outcome(road, job.prompt, deaths, was_as_planned, is_answered, rest, later))
        return steps or []

    def _walks_before(self, road: Road) -> list[Walk]:
        """Find the landmarks on the road of a worker before whom nobody died."""
        trail = next((trail for other, trail in self._report.trails.items() if other.story == road.story), [])
        return [Walk(who, trail[mark.find(trail)].name if mark else "") for who, mark in road.before]


def _empty_folders() -> None:
    """Let every job find the same folders, so that its road is the same."""
    for folder in (Path(settings.MEDIA_ROOT), conf.spool_dir()):
        shutil.rmtree(folder, ignore_errors=True)
