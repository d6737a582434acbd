"""Carrying out a move between stages: position after position, each with a plan of its own.

Before the switch a failure takes back what it must and leaves what was prepared, so that ``resume``
goes on from there and ``abort`` removes it. From the promotion on, the move is finished forward.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenfold import interrupts
from tenfold.deployment import applied as applied_facts
from tenfold.deployment import clustered, leading_again, site_facts, work, writes
from tenfold.deployment.app_secrets import FACT as USED_SECRETS
from tenfold.deployment.carrying import add_ways_on, carry_claimed, require_promised
from tenfold.deployment.databases import following, observe_databases
from tenfold.deployment.deployment import CROSSING, ENDED, POSITION
from tenfold.deployment.observe import SILENT_AFTER_SECONDS
from tenfold.deployment.rescue import standing_by
from tenfold.errors import Interrupted, LeftHalfDone, Refused, Superseded, TenfoldError
from tenfold.stages.path import BY_ITSELF, ORDER
from tenfold.topology.databases import leader_of
from tenfold.topology.model import Host
from tenfold.transitions import clustering, way
from tenfold.transitions import crossing as planner
from tenfold.transitions import steps as st
from tenfold.transitions.copies import not_compared
from tenfold.transitions.perform import World, resting
from tenfold.transitions.perform.databases import forward_seconds
from tenfold.transitions.perform.errors import NeedsWriter
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.serving import WARM_SECONDS, WARMS_LATE
from tenfold.transitions.perform.sessions import Sessions
from tenfold.transitions.perform.switching import TO_WHOEVER_LEADS

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.topology.databases import ObservedDatabase
    from tenfold.transitions.blueprint import Blueprint
    from tenfold.transitions.crossing import Seen, Terms
    from tenfold.transitions.planner import Plan
    from tenfold.transitions.runner import Listener
    from tenfold.transitions.way import Crossing

FINISHING_TRIES = 5
SWITCH_SECONDS = 1.0
UNSEEN = "where writes go cannot be seen now: tenfold status tells as soon as it can"
MADE = "the switch was made and is not finished"
HOLD = "hold"
"""Fact: how long requests waited the last time, and on what occasion."""


@dataclass(frozen=True, slots=True)
class Leg:
    """The way to one position: what was seen, and the plan from there."""

    intent: Intent
    seen: Seen
    terms: Terms
    plan: Plan
    care: Blueprint | None = None

    @property
    def switches(self) -> bool:
        """Whether requests will wait."""
        return any(isinstance(s, st.Hold | st.Promote) for s in st.flatten(self.plan.steps))

    @property
    def leads(self) -> bool:
        """Whether a database accepts writes."""
        leader = leader_of(self.seen.databases)
        return leader is not None and leader.role == "leader"

    @property
    def promoted(self) -> bool:
        """Whether the goal's database leads already."""
        leader = leader_of(self.seen.databases)
        wanted = next(iter(self.intent.goal.leaders.values()))
        return self.leads and leader is not None and leader.path == wanted


@dataclass
class Journey:
    """One command's walk. ``evidence`` is what its report is made of."""

    deployment: Deployment
    listener: Listener
    evidence: Evidence = field(default_factory=Evidence)
    sessions: Sessions = field(default_factory=Sessions)

    def go(self, crossing: Crossing, *, promised: Mapping[str, Any] | None = None) -> None:
        """Go to where the command is to end; where a plan is ``promised``, by its steps alone.

        Raises:
            TenfoldError: not reached; says what changed and what next.
        """
        deployment = self.deployment
        journal = deployment.journal
        at = deployment.position
        journal.set(CROSSING, crossing.to_json())
        arrived: Intent | None = None
        try:
            for name in way.route(crossing, at):
                arrived = self._reach(name, crossing, promised)
                at = name
            if arrived is not None:
                site_facts.tell(arrived)
        finally:
            self.sessions.close()
        if self.evidence.promoted and self.evidence.holds:
            longest = max(hold.seconds for hold in self.evidence.holds)
            journal.set(HOLD, {"seconds": round(longest, 4), "basis": "the last switch"})
        left = way.arrived(at, crossing)
        if left is None:
            journal.set(ENDED, way.Ended.of(crossing, at, time.time()).to_json())
        journal.set(CROSSING, left.to_json() if left else None)
        # Of hosts whose deletion was cut off: what cannot be deleted keeps no move open.
        deployment.target.delete_aside()

    def recover(self) -> None:
        """After somebody was killed while requests waited: let them go on, either way.

        Finishes where the switch was made, and takes it back where it was not. The command itself
        stays unfinished, for ``resume`` or ``abort``.
        """
        crossing = self.deployment.crossing
        if crossing is None or crossing.final is None:
            return
        # Whoever waits is not to wait for a host that may be silent.
        leading_again.lead_again(self.deployment, self.listener, self.evidence)
        if all(host.agent == "absent" for host in self.deployment.observe().hosts):
            return  # stopped since: nobody waits any more, and nothing is to be started again
        ensure_agents(self.deployment)
        name = way.route(crossing, self.deployment.position)[0]
        forward = leg(self.deployment, name, crossing.command)
        try:
            if forward.switches or not forward.promoted:
                back = leg(self.deployment, self.deployment.position, crossing.command)
                self._run(back, takes_back=False)
            else:
                self._reach(name, crossing)
        finally:
            self.sessions.close()

    def _reach(
        self, name: str, crossing: Crossing, promised: Mapping[str, Any] | None = None
    ) -> Intent:
        with contextlib.ExitStack() as stack:
            try:
                todo = self._try(name, crossing, promised, stack)
            except TenfoldError as error:
                leading_again.lead_again_behind(
                    error, self.deployment, self.listener, self.evidence
                )
                raise
        journal = self.deployment.journal
        facts = applied_facts.applied(todo.intent.goal.topology, todo.intent.blueprint.document)
        journal.set(applied_facts.FACT, facts.to_json())
        journal.set(USED_SECRETS, todo.intent.secret_versions)
        journal.set(POSITION, name)
        return todo.intent

    def _try(
        self,
        name: str,
        crossing: Crossing,
        promised: Mapping[str, Any] | None,
        stack: contextlib.ExitStack,
    ) -> Leg:
        """Make the way, again where there is only the way forward; gives what was made."""
        tries = 0
        while True:
            todo = self._look(name, crossing, promised, again=tries > 0)
            # Of a move that is cut off that stays told: it waits for somebody.
            site_facts.tell(todo.intent, crossing.command)
            try:
                with interrupts.one_at_most() as guard:
                    try:
                        self._attempt(todo, stack)
                    except NeedsWriter:
                        if guard.came:  # while it was taken back; it is not tried once more
                            raise KeyboardInterrupt from None
                        raise
                return todo
            except NeedsWriter:
                if not todo.terms.warm_first:
                    raise
                self.deployment.journal.set(WARMS_LATE, todo.intent.goal.release)
            except (TenfoldError, KeyboardInterrupt) as error:
                tries += 1
                if tries >= FINISHING_TRIES or not self._is_promoted(name):
                    told = self._told(error, crossing, todo)
                    if told is error:
                        raise
                    raise told from error
                if self.evidence.waits():  # whoever stands by hears that it goes on
                    self.evidence.expect(forward_seconds(todo.terms.max_hold_seconds))
                time.sleep(0.2 * tries)

    def _look(
        self, name: str, crossing: Crossing, promised: Mapping[str, Any] | None, *, again: bool
    ) -> Leg:
        """The way to a position, as it is to be gone. Whatever is in its way, the move is open and
        may have a copy and a slot: so an error says where writes go, and how it goes on.
        """
        try:
            if not again:  # else its plan starts the agents that are gone meanwhile
                ensure_agents(self.deployment)
            todo = leg(self.deployment, name, crossing.command)
            if promised is not None and not again:
                late = not todo.terms.warm_first
                require_promised(promised, name, todo.plan, starts_late=late)
        except (TenfoldError, KeyboardInterrupt) as error:
            told = error if isinstance(error, TenfoldError) else Interrupted(crossing.command)
            # It is looked at again only behind the promotion.
            otherwise = MADE if again else "nothing more: what was prepared stays"
            known = told.changed or otherwise
            if "writes" not in known:
                known = f"{known}\n{writes.where(self.deployment) or UNSEEN}"
            told.changed = known
            add_ways_on(told, crossing.command)
            if told is error:
                raise
            raise told from error
        return todo

    def _attempt(self, todo: Leg, stack: contextlib.ExitStack) -> None:
        if todo.plan.empty:
            return
        # A rehearsal has somebody stand by for the copy as a whole.
        stands_alone = self.deployment.layout.rehearsal is None and not self.evidence.is_watched
        if todo.switches and stands_alone:
            watch = standing_by(self.deployment.layout, waits=self.evidence.waits)
            self.evidence.expect = stack.enter_context(watch)
            stack.callback(self.evidence.stand_alone)
        # What was prepared stays for "resume"; only a switch must not be left half-made.
        self._run(todo, takes_back=todo.switches)

    def _run(self, todo: Leg, *, takes_back: bool) -> None:
        world = World(
            blueprint=todo.intent.blueprint,
            target=todo.intent.target,
            journal=self.deployment.journal,
            releases=todo.intent.releases,
            sessions=self.sessions,
            evidence=self.evidence,
            terms=todo.terms,
            care=todo.care,
        )

        def claimed(own: World) -> None:
            if todo.leads:
                resting.for_now(own)

        carry_claimed(
            world,
            todo.intent.target,
            todo.plan,
            self.listener,
            takes_back=takes_back,
            claimed=claimed,
        )

    def _told(self, error: BaseException, crossing: Crossing, todo: Leg) -> BaseException:
        """The error with where writes go now, and with the ways on."""
        told = error if isinstance(error, TenfoldError) else Interrupted(crossing.command)
        if isinstance(told, Superseded):
            return told
        known = told.changed or "nothing for your users: whoever served goes on serving"
        where = where_writes_go(todo, self.evidence, self._called)
        told.changed = known if where in known else f"{known}\n{where}"
        if isinstance(told, LeftHalfDone):
            told.next = "tenfold status    tells what runs"
        add_ways_on(told, crossing.command)
        return told

    def _called(self, host: str, todo: Leg) -> str:
        """A host as it is called where everything was settled last, and so by ``status``."""
        return writes.called(host, todo.intent.target, self.deployment.target)

    def _is_promoted(self, name: str) -> bool:
        """Whether the switch to this position was made, so that only the way forward is left."""
        if not self.evidence.promoted and not self.evidence.asked:
            return False
        try:
            promoted = leg(self.deployment, name, "resume").promoted
        except TenfoldError:
            return False
        self.evidence.promoted = self.evidence.promoted or promoted
        return promoted


def where_writes_go(todo: Leg, evidence: Evidence, called: Callable[[str, Leg], str]) -> str:
    """As a sentence, from what was seen before the way was begun and what was done on it. Pure.

    Args:
        todo: the way.
        evidence: what was done.
        called: a host's name as people know it.
    """
    (wanted,) = todo.intent.goal.leaders.values()
    leader = leader_of(todo.seen.databases)
    if evidence.promoted:
        return f"the switch was made: writes go to {wanted}"
    if evidence.asked:
        return f"{wanted} was asked to lead and did not answer: requests wait for it"
    if evidence.ordered:
        return TO_WHOEVER_LEADS
    if leader is None or leader.role != "leader":
        return "writes go nowhere until the move goes on: no database leads"
    host, _, unit = leader.path.partition("/")
    who = f"{called(host, todo)}/{unit}"
    if leader.path in evidence.fencing:  # and that was not taken back
        return f"writes go nowhere until the move goes on: {who} was told to accept none"
    return f"writes go to {who}, as before"


def leg(deployment: Deployment, name: str, command: str) -> Leg:
    """Look, and plan the way to one position.

    Raises:
        Refused: nothing serves, or more than one database would accept writes.
    """
    now = deployment.observe()
    if now.release is None:
        raise Refused("no release has served yet", next="tenfold up")
    intent = work.intend(deployment, release=now.release, position=name)
    if clustered.covers(deployment, name):
        return _clustered_leg(deployment, intent, command)
    copies = not_compared(deployment.facts())
    databases = observe_databases(intent, not_compared=copies)
    seen = planner.Seen(deployment.observe(intent.target), databases)
    _require_known(databases)
    terms = terms_of(deployment, now.release)
    found = Leg(intent, seen, terms, planner.plan(command, seen, intent.goal, terms))
    if found.switches and not found.promoted and not terms.warm_first:
        _require_time_to_start(deployment, terms, len(intent.goal.topology.app_pools))
    return found


def _clustered_leg(deployment: Deployment, intent: Intent, command: str) -> Leg:
    care = clustered.care_of(deployment, intent)
    found = clustered.look(deployment, intent, care)
    _require_known(dict(found.seen.databases))
    terms = terms_of(deployment, str(intent.goal.release))
    todo = clustering.plan(command, found, intent.goal, terms)
    return Leg(intent, found.seen, terms, todo, care)


def _require_time_to_start(deployment: Deployment, terms: Terms, pools: int) -> None:
    """Workers that cannot be warmed before start while requests wait: there must be time for it."""
    needed = pools * deployment.facts().get(WARM_SECONDS, 0.0) + SWITCH_SECONDS
    if needed > terms.max_hold_seconds:
        raise Refused(
            f"requests may wait {terms.max_hold_seconds:g} s, and the switch would take about"
            f" {needed:.1f} s: this app writes to its database when it starts, so its workers"
            " cannot be started before",
            next="have migrations change the schema ([release] migrate) instead of the start;\n"
            f'or  [transition] max_hold = "{needed * 1.5:.0f}s"  in tenfold.toml',
        )


def terms_of(deployment: Deployment, release: str) -> Terms:
    """On which a move is made: the file as it is now, and what is known of the release."""
    wanted = deployment.spec().transition
    return planner.Terms(
        max_hold_seconds=wanted.max_hold_seconds,
        max_postpone_seconds=wanted.max_postpone_seconds,
        max_catch_up_seconds=wanted.max_catch_up_seconds,
        warm_first=deployment.facts().get(WARMS_LATE) != release,
    )


def ensure_agents(deployment: Deployment) -> None:
    """Have the agents of all hosts run: what cannot be asked cannot be planned for."""
    if leading_again.is_due(deployment):  # then nobody is waited for who is silent
        for name in deployment.target.hosts():
            deployment.target.reach(name, SILENT_AFTER_SECONDS)
    for name in deployment.target.hosts():
        deployment.target.ensure(Host(name))


def require_way_back(deployment: Deployment) -> None:
    """See that the old database can still catch up, before anything is begun.

    Raises:
        Refused: it cannot.
    """
    if deployment.position in BY_ITSELF:  # it is released as it runs, whoever follows
        return
    found = following(work.serving(deployment))
    crossing = deployment.crossing
    if found is None or not found.lost or crossing is None:
        return
    grew = ORDER.index(crossing.home) < ORDER.index(crossing.goal)
    verb = "shrink" if grew else "grow"
    raise Refused(
        f"the way back is lost: {found.leader} has let go of log that {found.follower} still needs",
        changed=f"nothing: writes go to {found.leader}, as before",
        next="tenfold complete    removes the old copy\n"
        f"tenfold {verb} --to {crossing.home}    afterwards, makes the same move from this end",
    )


def _require_known(databases: dict[str, ObservedDatabase]) -> None:
    unknown = [path for path, d in databases.items() if d.role == "unknown"]
    if unknown:
        raise Refused(
            f"{', '.join(unknown)} cannot be asked, and without it nobody knows who may lead",
            next="bring its host back, then  tenfold resume",
        )
