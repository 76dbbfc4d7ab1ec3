"""Whatever happens to a reminder and when: nothing is said twice, nothing is left out, nothing is false."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.kernel.fold import ids_horizon_ms
from lienthong.kernel.statement import Kind, Statement
from lienthong.reminder.unread import UnreadLane
from unit.reminder.lane import WITHIN_MS, Lane, read, reminder, say

SENDERS, RECIPIENTS = ("G22", "G09"), ("H26", "H29", "H37")


@dataclass
class World:
    """A lane, the backbone's own out topic that intake reads, and a reminder that may end at any moment."""

    lane: Lane = field(default_factory=Lane)
    out: list[Statement] = field(default_factory=list)
    judged: int = 0
    """How much of the out topic intake has read."""
    stored: int = 0
    """The reminder's position, as it would be read after a restart."""
    said_before: int = 0
    """End of the out topic when the reminder began."""
    one: UnreadLane = field(default_factory=reminder)
    sent: dict[bytes, tuple[str, set[str]]] = field(default_factory=dict)

    def send(self, sender: str, recipients: list[str]) -> None:
        """A sender sends a document."""
        self.sent[self.lane.document(sender, *recipients)] = (sender, set(recipients))

    def release(self, sender: str, recipients: list[str]) -> None:
        """The operator releases a document that was rejected."""
        document = self.lane.statement(sender, *recipients)
        self.sent[self.lane.order(document, *recipients, sender)] = (sender, set(recipients))

    def again(self, number: int, ordered: bool) -> None:
        """One of them is released, once more or after all, or its sender sends it again."""
        if self.sent:
            identity, (sender, recipients) = list(self.sent.items())[number % len(self.sent)]
            if ordered:
                document = self.lane.statement(sender, *sorted(recipients))
                self.lane.order(document, *sorted(recipients), sender, named=identity)
            else:
                self.lane.again(identity, sender, *sorted(recipients))

    def acknowledge(self, number: int, recipient: str) -> None:
        """A recipient, or somebody else, acknowledges one of them."""
        if self.sent:
            identity, (sender, _) = list(self.sent.items())[number % len(self.sent)]
            self.lane.acknowledgement(recipient, sender, identity)

    def take_back(self, number: int, recipient: str) -> None:
        """Its sender asks one of them back."""
        if self.sent:
            identity, (sender, _) = list(self.sent.items())[number % len(self.sent)]
            self.lane.acknowledgement(sender, recipient, identity, status="13")

    def intake(self, count: int) -> None:
        """Intake takes some of our notices into the ledger."""
        for statement in self.out[self.judged : self.judged + count]:
            self.lane.notice(statement)
            self.judged += 1

    def read(self, count: int, again: int) -> None:
        """The reminder reads on, some of it once more."""
        read(self.one, self.lane, first=max(0, self.one.position - again), last=self.one.position + count)

    def look(self, limit: int) -> None:
        """As the service does: at the end of the ledger, and when what was said before it began has come there."""
        read(self.one, self.lane)
        if self.judged >= self.said_before:
            for statement in say(self.one, self.lane.now, limit):
                for line in statement.body["entries"]:
                    assert line["recipient"] not in self.closed(line["document"])
                    assert line["expired_at"] < self.lane.now
                    assert line["position"] == self.lane.first_at(line["document"])
                self.out.append(statement)

    def store(self) -> None:
        """It stores from where it would have to read again."""
        self.stored = self.one.settled

    def restart(self) -> None:
        """It ends in any way, and begins anew."""
        self.one, self.said_before = reminder(self.stored), len(self.out)

    def unsure(self) -> None:
        """Kafka does not say whether it has what was said last."""
        self.one.forget_said()
        self.said_before = len(self.out)

    def closed(self, identity: bytes) -> set[str]:
        """Recipients of whom a document expects nothing any more, by all that stands in the ledger."""
        sender, _ = self.sent[identity]
        found = set()
        for said in self.lane.said:
            if not isinstance(said.statement, Statement) or said.entry.kind != Kind.ACKNOWLEDGEMENT:
                continue
            if identity in said.statement.body["documents"]:
                agency = said.entry.source.agency
                found |= set(said.entry.routes) if agency == sender else {agency}
        return found


numbers = st.integers(0, 20)
recipients = st.sampled_from(RECIPIENTS)
steps = st.one_of(
    st.tuples(
        st.just("send"), st.sampled_from(SENDERS), st.lists(st.sampled_from(RECIPIENTS), min_size=1, unique=True)
    ),
    st.tuples(
        st.just("release"), st.sampled_from(SENDERS), st.lists(st.sampled_from(RECIPIENTS), min_size=1, unique=True)
    ),
    st.tuples(st.just("again"), numbers, st.booleans()),
    st.tuples(st.just("acknowledge"), numbers, recipients),
    st.tuples(st.just("take_back"), numbers, recipients),
    st.tuples(st.just("pass"), st.integers(1, WITHIN_MS)),
    st.tuples(st.just("intake"), st.integers(0, 3)),
    st.tuples(st.just("read"), st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("look"), st.integers(1, 4)),
    st.tuples(st.just("store")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("unsure")),
)


def run(world: World, step: tuple[object, ...]) -> None:
    """Do one thing."""
    name, *values = step
    if name == "pass":
        world.lane.now += int(str(values[0]))
    else:
        getattr(world, str(name))(*values)


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, max_size=60))
def test_every_unread_document_is_told_exactly_once(script: list[tuple[object, ...]]) -> None:
    """Sent, released, read, stored, killed, restarted in any order, with intake as slow as it likes."""
    world = World()
    for step in script:
        run(world, step)
    # In the end all that is to come comes.
    for _ in range(2 + 3 * len(script)):
        world.intake(len(world.out))
        world.lane.now += WITHIN_MS + 1
        world.look(1_000)
    world.intake(len(world.out))
    told = world.lane.lines()
    assert len(told) == len(set(told))
    for identity, (_, addressed) in world.sent.items():
        named = {code for one, code in told if one == identity}
        assert addressed - world.closed(identity) <= named <= addressed
    world.lane.now += ids_horizon_ms() + 1  # what was released is forgotten then
    world.lane.add("G22", Kind.RECEIPT, ["G22"])
    read(world.one, world.lane)
    assert (0, len(world.lane.said)) == (world.one.count, world.one.settled)


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, max_size=40))
def test_two_reminders_say_the_same(script: list[tuple[object, ...]]) -> None:
    """A zombie and its successor: what they repeat settles what it settled, and both come to an end."""
    world, double = World(), reminder()
    for step in script:
        run(world, step)
    world.lane.now += WITHIN_MS + 1
    world.intake(len(world.out))
    world.said_before = 0
    world.look(1_000)
    read(double, world.lane)
    mine, other = world.out[world.judged :], say(double, world.lane.now)
    assert [one.body for one in mine] == [one.body for one in other]
    for statement in (*mine, *other):
        world.lane.notice(statement)
    for one in (world.one, double):
        read(one, world.lane)
        assert 0 == one.count
