"""Whatever an order carries under the operator's genuine seal, it is judged, and only what its sender sealed passes."""

from random import Random
from typing import Final

from lienthong.kernel.command import ENVELOPE_TYPE, RELEASE, RESEND
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.statement import attachment_of
from unit.kernel.mutations import mutated
from unit.kernel.test_command import GOOD, judged, ordered, sealed

CASES: Final = 600


def test_a_hostile_record_that_is_ordered_is_judged() -> None:
    """An operator may be led to release what somebody has left in the quarantine."""
    random = Random(23)
    plain = {action: ordered(GOOD, action) for action in (RESEND, RELEASE)}
    (statement, contents) = (decode_envelope(GOOD).statement, decode_envelope(GOOD).contents)
    passed = 0
    for _ in range(CASES):
        value = mutated(GOOD, random, GOOD)
        command = plain[random.choice((RESEND, RELEASE))]
        try:
            carried = decode_envelope(value)
            body = command.body | {"document": envelope_id(carried.statement)}
        except RejectedError:
            carried, body = None, command.body
        command = command._replace(body=body, attachments=[attachment_of("x.avro", ENVELOPE_TYPE, value)])
        verdict = judged(sealed(command, value))
        if verdict.reason is None:
            passed += 1
            assert carried is not None
            assert (statement, contents) == (carried.statement, carried.contents)
        else:
            assert verdict.detail
    assert passed < CASES
