"""The state table of FOP-1 (CCSDS 232.1-B-2, table 5-1), as data.

The lower layer here is a queue that takes every frame, so that the events of a lower layer that is
not ready or refuses (E22, E26, E28, E41 to E46) do not occur, nor does the alert LLIF. A control
word that is no CLCW of COP-1 (E15) is refused and counted where it is decoded. BD frames (E21) and
the directives that set a value (E36 to E39) are the same in every state: they are methods of `fop`.
"""

from __future__ import annotations

from enum import Enum, IntEnum, unique

from flight.link.clcw import Clcw


@unique
class FopState(IntEnum):
    """States of table 5-1."""

    ACTIVE = 1
    RETRANSMIT = 2  # without wait
    WAIT = 3  # retransmit with wait
    CHECKING = 4  # initialising without BC frame
    COMMANDING = 5  # initialising with BC frame
    INITIAL = 6


@unique
class Alert(Enum):
    """Why the service ended (5.2.8)."""

    LIMIT = "transmission limit"
    T1 = "no answer"
    LOCKOUT = "lockout"
    SYNCH = "synchronisation"
    NNR = "invalid N(R)"
    CLCW = "invalid CLCW"
    TERM = "terminated"


@unique
class Do(Enum):
    """Actions (5.3)."""

    REMOVE = "remove acknowledged frames from the sent queue"
    LOOK = "look for a frame or data unit to send"
    REPEAT = "initiate AD retransmission"
    REPEAT_BC = "initiate BC retransmission"
    CANCEL = "cancel the timer"
    START = "start the timer"
    CONFIRM = "positive confirm"
    ADD = "add to the wait queue"
    REJECT = "reject"
    INITIALISE = "initialise"
    SET = "V(S) and NN(R) := V*(R)"
    SEND_UNLOCK = "transmit BC frame Unlock"
    SEND_SET_VR = "transmit BC frame Set V(R)"
    SUSPEND = "suspend"
    RESUME = "resume"
    SET_VS = "V(S) and NN(R) := V*(S)"


Action = Do | Alert
Entry = tuple[tuple[Action, ...], FopState]
Row = tuple[Entry, Entry, Entry, Entry, Entry, Entry]

S1, S2, S3, S4, S5, S6 = FopState
_I1, _I2, _I3, _I4, _I5, _I6 = (((), state) for state in FopState)  # ignored
_R1, _R2, _R3, _R4, _R5, _R6 = (((Do.REJECT,), state) for state in FopState)


def _alert(alert: Alert) -> Entry:
    return (alert,), S6


_SYNCH, _CLCW, _NNR = _alert(Alert.SYNCH), _alert(Alert.CLCW), _alert(Alert.NNR)
_LIMIT: Entry = ((Do.REMOVE, Alert.LIMIT), S6)
_SUSPEND: Entry = ((Do.SUSPEND,), S6)
_T1 = _alert(Alert.T1)
_REJECTED: Row = (_R1, _R2, _R3, _R4, _R5, _R6)
_TERM: Entry = ((Alert.TERM, Do.CONFIRM), S6)


def _only_initial(entry: Entry) -> Row:
    return (_R1, _R2, _R3, _R4, _R5, entry)


def _any(entry: Entry, started: Entry = _I4, commanding: Entry = _I5) -> Row:
    """The same in the three states of transfer."""
    return (entry, entry, entry, started, commanding, _I6)


_ALL_ACKNOWLEDGED: Entry = ((Do.REMOVE, Do.CANCEL, Do.LOOK), S1)
_SOME_ACKNOWLEDGED: Entry = ((Do.REMOVE, Do.LOOK), S1)

TABLE: dict[str, Row] = {
    # CLCW, lockout 0. N(R) = V(S): E1 nothing new, E2 all acknowledged, E3 wait, E4 retransmit.
    "E1": (
        _I1, _SYNCH, _SYNCH, ((Do.CONFIRM, Do.CANCEL), S1), ((Do.CONFIRM, Do.CANCEL), S1), _I6,
    ),
    "E2": _any(_ALL_ACKNOWLEDGED),
    "E3": _any(_CLCW, _CLCW),
    "E4": _any(_SYNCH, _SYNCH),
    # N(R) < V(S), retransmit 0: E5 nothing new, E6 some acknowledged, E7 wait.
    "E5": (_I1, _SYNCH, _SYNCH, _I4, _I5, _I6),
    "E6": _any(_SOME_ACKNOWLEDGED),
    "E7": _any(_CLCW, _CLCW),
    # N(R) < V(S), retransmit 1. Limit of one: E101 some acknowledged, E102 nothing new.
    "E101": _any(_LIMIT),
    "E102": _any(_alert(Alert.LIMIT)),
    # Some acknowledged: E8 without wait, E9 with wait.
    "E8": _any(((Do.REMOVE, Do.REPEAT, Do.LOOK), S2)),
    "E9": _any(((Do.REMOVE,), S3)),
    # Nothing new, below the limit: E10 without wait, E11 with wait; at it: E12, E103.
    "E10": (((Do.REPEAT, Do.LOOK), S2), _I2, ((Do.REPEAT, Do.LOOK), S2), _I4, _I5, _I6),
    "E11": _any(((), S3)),
    "E12": _any(((), S2)),
    "E103": _any(((), S3)),
    "E13": _any(_NNR, _NNR),
    "E14": _any(_alert(Alert.LOCKOUT), _alert(Alert.LOCKOUT)),
    # The timer. Below the limit: E16 type 0, E104 type 1; at it: E17 type 0, E18 type 1.
    "E16": (
        ((Do.REPEAT, Do.LOOK), S1), ((Do.REPEAT, Do.LOOK), S2), _I3, _T1, ((Do.REPEAT_BC,), S5),
        _I6,
    ),
    "E104": (
        ((Do.REPEAT, Do.LOOK), S1), ((Do.REPEAT, Do.LOOK), S2), _I3, _SUSPEND,
        ((Do.REPEAT_BC,), S5), _I6,
    ),
    "E17": (_T1, _T1, _T1, _T1, _T1, _I6),
    "E18": (_SUSPEND, _SUSPEND, _SUSPEND, _SUSPEND, _T1, _I6),
    # A data unit for AD: E19 with the wait queue empty, E20 not.
    "E19": (
        ((Do.ADD, Do.LOOK), S1), ((Do.ADD, Do.LOOK), S2), ((Do.ADD,), S3), _R4, _R5, _R6,
    ),
    "E20": _REJECTED,
    # Directives. Initiate: E23 at once, E24 with CLCW check, E25 with Unlock, E27 with Set V(R).
    "E23": _only_initial(((Do.INITIALISE, Do.CONFIRM), S1)),
    "E24": _only_initial(((Do.INITIALISE, Do.START), S4)),
    "E25": _only_initial(((Do.INITIALISE, Do.SEND_UNLOCK), S5)),
    "E27": _only_initial(((Do.INITIALISE, Do.SET, Do.SEND_SET_VR), S5)),
    "E29": (_TERM, _TERM, _TERM, _TERM, _TERM, ((Do.CONFIRM,), S6)),
    # Resume: E30 when not suspended, else to the state that it was suspended in.
    "E30": _REJECTED,
    "E31": _only_initial(((Do.RESUME,), S1)),
    "E32": _only_initial(((Do.RESUME,), S2)),
    "E33": _only_initial(((Do.RESUME,), S3)),
    "E34": _only_initial(((Do.RESUME,), S4)),
    "E35": _only_initial(((Do.SET_VS, Do.CONFIRM), S6)),
}  # fmt: skip


def reported(clcw: Clcw, fresh: int, outstanding: int, left: int | None) -> str:
    """The event that a CLCW is: ``fresh`` of ``outstanding`` frames are acknowledged by it, the
    oldest one may be sent ``left`` times more, None where a frame is sent only once."""
    if clcw.lockout:
        return "E14"
    if fresh > outstanding:
        return "E13"
    if fresh == outstanding:
        if clcw.retransmit:
            return "E4"
        return "E3" if clcw.wait else "E2" if fresh else "E1"
    if not clcw.retransmit:
        return "E7" if clcw.wait else "E6" if fresh else "E5"
    if left is None:
        return "E101" if fresh else "E102"
    if fresh:
        return "E9" if clcw.wait else "E8"
    if left > 0:
        return "E11" if clcw.wait else "E10"
    return "E103" if clcw.wait else "E12"
