"""The node's files on the link: one CFDP entity, its records on disk, and what storage offers."""

from __future__ import annotations

from collections.abc import Callable

from flight.dictionary.commands import FileDelivered, Reply
from flight.dictionary.enums import Reason
from flight.dictionary.events import DownlinkConfirmed, DownlinkEnded, DownlinkStarted
from flight.dictionary.files import FileTransfer, FountainMissing, GroundHeard, GroundLost, Offer
from flight.dictionary.parameters import LinkParameters
from flight.dictionary.telemetry import DownlinkQueue
from flight.dictionary.uploads import FileUplinked, UplinkRefused
from flight.link.cfdp import Ended, Engine, Readable, Settings, State, TransactionId
from flight.link.cfdp.codes import ChecksumType, ConditionCode
from flight.link.channels import HAIL, Apid, Entity
from flight.link.filetelemetry import by_cfdp, by_fountain
from flight.link.fountain.codec import LARGEST, Verdict
from flight.link.fountain.downlink import FountainDownlink, Gone
from flight.link.staging import FOLDER as UPLINKED
from flight.link.staging import Limits, Staging
from flight.link.storedfiles import FileSource, Records, to_send
from flight.runtime.service import Context, Refused

PDU_OVERHEAD = 6 + 12 + 4 + 2  # octets: space packet, CFDP header, offset, PDU CRC
LIMIT = 64  # transactions in each direction
ACTIVE = 4  # files in transmission at the same time; the ground may answer for one meanwhile
LOOK = 0.05  # s between looks at what is offered
RETRY, MOST_RETRY = 1.0, 64.0  # s before a file that did not go is sent again, doubling
REJECTED, SILENT = ConditionCode.FILESTORE_REJECTION, ConditionCode.INACTIVITY_DETECTED
ABSENT = 3 * HAIL  # s of silence that a ground in view, which hails, does not keep
SILENCE = 600.0  # s after which a file of which nothing came is asked for again


def settings(parameters: LinkParameters, crc: bool, space: int) -> Settings:
    """CFDP settings that follow from the parameters of the link; a PDU fills a frame, of which
    ``space`` octets are for packets, so that a lost frame costs one. Without ``crc`` they are
    what every implementation speaks: no CRC in a PDU, and the modular checksum of a file."""
    return Settings(
        segment=max(1, min(parameters.file_segment, space - PDU_OVERHEAD)),
        round_trip=parameters.round_trip,
        inactivity=SILENCE,
        crc=crc,
        checksum=ChecksumType.CRC_32C if crc else ChecksumType.MODULAR,
    )


class NodeFiles:
    """Files both ways. Storage says what is to be sent; what came up lies in the staging place."""

    def __init__(self, context: Context, space: int) -> None:
        """Take up the transfers of an earlier life; frames have ``space`` octets for packets.
        Raises OSError."""
        self._space = space
        self._context, self._store = context, context.store
        self._crc = bool(context.settings.get("cfdp_crc", True))
        parameters = context.parameters(LinkParameters)
        self._staging = Staging(context.store, Limits.of(parameters))
        self._offers: dict[str, Offer] = {}
        self._retry: dict[str, tuple[float, float]] = {}  # path: when, and after what pause
        self._hashing: dict[str, Readable] = {}  # what is read through before it is sent
        self._confirming: set[str] = set()  # paths that the ground has; storage is being told
        self._look_at = 0.0
        self._dry = False  # one end is known to have no fountain
        now = self._heard = context.clock.now()
        self._in_view = True
        chosen = settings(parameters, self._crc, self._space)
        self.engine = Engine(
            Entity.NODE,
            self._staging,
            Records(context.store),
            chosen,
            peers={Entity.GROUND: chosen},
            # For the case that the records are lost: the ground must not know these numbers.
            first=context.clock.utc_ns() // 1_000_000 % (1 << 31) + 1,
            limit=LIMIT,
        )
        self._fountain = FountainDownlink(context.clock.utc_ns())
        self.engine.restore(self._source, now)
        self._staging.sweep([each.id for each in self.engine.progress() if not each.sending])

    def offer(self, queue: DownlinkQueue) -> None:
        """Take what storage says is to be sent, and give up what is not any more."""
        self._offers = {
            offer.path: offer for offer in queue.offers if offer.path not in self._confirming
        }
        self._retry = {path: kept for path, kept in self._retry.items() if path in self._offers}
        self._hashing = {path: each for path, each in self._hashing.items() if path in self._offers}
        now = self._context.clock.now()
        for origin in queue.withdrawn:
            self._fountain.withdraw(origin)
        for state in self._sending():
            if state.origin in queue.withdrawn:
                self.engine.cancel(state.id, now)
                self.engine.resume(state.id, now)  # of a held one no word would leave

    def fit(self, space: int) -> None:
        """Frames have another length now."""
        self._space = space
        self._configure()

    def _configure(self) -> None:
        self.engine.configure(settings(self._parameters(), self._crc, self._space))

    def next_packet(self, now: float) -> tuple[Apid, bytes] | None:
        """What is to go down next, and under which APID."""
        if (pdu := self.engine.next_pdu(now)) is not None:
            return Apid.FILES, pdu
        if self._in_view and (packet := self._fountain.next_packet(now)) is not None:
            return Apid.FOUNTAIN, packet
        return None

    def reported(self, report: bytes) -> None:
        """The ground's word on a file that goes through the fountain."""
        self._fountain.receive(report)

    def heard(self, now: float) -> None:
        """A genuine frame came up."""
        if now - self._heard > ABSENT:
            self.engine.thaw(now)  # whoever was silent is asked at once
            self._fountain.thaw(now)
        self._heard = now

    def _watch(self, now: float) -> None:
        """Follow the parameters. Out of view nothing is sent into the void, and no timer runs."""
        parameters, silence = self._parameters(), now - self._heard
        self._staging.limits = Limits.of(parameters)
        timeout = parameters.contact_timeout
        in_view = not timeout or silence <= timeout
        if in_view == self._in_view:
            return
        self._in_view = in_view
        if in_view:
            self.engine.thaw(now)
            self._context.event(GroundHeard())
        else:
            self.engine.freeze(now)
            self._context.event(GroundLost(round(silence, 3)))

    def _parameters(self) -> LinkParameters:
        return self._context.parameters(LinkParameters)

    def work(self, now: float) -> None:
        """Begin what is offered, act on what has ended; call it often."""
        self._watch(now)
        # Not before storage knows of the last ones: a restart would repeat their reports.
        if not self._confirming:
            for ended in self.engine.ended():
                (self._sent if ended.sending else self._received)(ended, now)
            self._insist(now)
            for gone in self._fountain.ended():
                self._gone(gone, now)
        for refusal in self._staging.refusals:
            self._context.event(UplinkRefused(refusal.name[:64], refusal.reason, refusal.detail))
        self._staging.refusals.clear()
        if self._offers and (self._hashing or now >= self._look_at):
            self._look_at = now + LOOK
            self._begin(now)

    def _begin(self, now: float) -> None:
        """Have the most urgent of what is offered under way, passing over what is held."""
        held = {state.origin: state.suspended for state in self._sending()}
        held |= {
            each.origin: each.suspended or not each.pouring for each in self._fountain.progress()
        }
        places = ACTIVE
        for path, offer in self._offers.items():
            if places == 0:
                return
            if path in held:
                places -= not held[path]
            elif now >= self._retry.get(path, (now, 0.0))[0]:
                places -= self._put(path, offer, now)

    def _put(self, path: str, offer: Offer, now: float) -> bool:
        """Begin a file, hashed if need be; False when it cannot be sent now."""
        pours = self._pours(offer.size)
        if pours and not self._fountain.ready(offer.size, offer.priority):
            return False
        source = self._hashing.pop(path, None) or self._source(path)
        self._configure()
        try:
            if source is None:
                raise OSError("cannot be read")
            if pours:
                return self._pour(path, offer, source, now)
            if isinstance(source, FileSource) and not source.step():
                self._hashing[path] = source
                return True
            self.engine.put(offer.name, source, Entity.GROUND, origin=path, priority=offer.priority)
        except (OSError, ValueError):
            self._later(path, now)
            return False
        self._context.event(DownlinkStarted(offer.name, source.size))
        return True

    def _pour(self, path: str, offer: Offer, source: Readable, now: float) -> bool:
        """Begin a file through the fountain; False without one. Raises OSError, ValueError."""
        data, loss = source.read(0, source.size), self._parameters().fountain_loss
        try:
            self._fountain.put(offer.name, data, path, offer.priority, self._space, loss, now)
        except ImportError:
            self._without_fountain()
            return False
        self._context.event(DownlinkStarted(offer.name, source.size))
        return True

    def _without_fountain(self) -> None:
        self._dry = True
        self._context.event(FountainMissing())

    def _pours(self, size: int) -> bool:
        return bool(self._parameters().fountain_loss) and 0 < size <= LARGEST and not self._dry

    def _insist(self, now: float) -> None:
        """Let the fountain say more, unless a ground that is expected to be heard is not."""
        if not self._parameters().contact_timeout or now - self._heard <= ABSENT:
            self._fountain.work(self._parameters().round_trip, now)

    def _later(self, path: str, now: float) -> None:
        pause = min(2 * self._retry.get(path, (now, RETRY / 2))[1], MOST_RETRY)
        self._retry[path] = now + pause, pause

    def _source(self, path: str) -> Readable | None:
        return to_send(self._store, path, in_place=path.startswith(UPLINKED))

    def _gone(self, gone: Gone, now: float) -> None:
        if gone.verdict is Verdict.DELIVERED:
            self._delivered(gone.name, gone.origin)
        elif gone.verdict is Verdict.UNREADABLE:
            self._without_fountain()
        else:
            self._later(gone.origin, now)
            self._context.event(DownlinkEnded(gone.name, REJECTED if gone.verdict else SILENT))

    def _delivered(self, name: str, path: str) -> None:
        self._offers.pop(path, None)  # until storage offers it anew
        self._confirming.add(path)
        self._confirm(name, path)

    def _sent(self, ended: Ended, now: float) -> None:
        if ended.delivered:
            self._delivered(ended.name, ended.origin)
        else:
            self._later(ended.origin, now)
            self._context.event(DownlinkEnded(ended.name, ended.condition))

    def _confirm(self, name: str, path: str) -> None:
        def answered(reply: Reply) -> None:
            if reply.reason is Reason.NONE:
                self._confirming.discard(path)
                self._context.event(DownlinkConfirmed(name))
            else:
                self._context.after(RETRY, lambda: self._confirm(name, path))

        self._context.request(FileDelivered(path), answered)

    def _received(self, ended: Ended, _now: float) -> None:
        if ended.delivered:
            self._context.event(FileUplinked(ended.name, ended.size))
        elif ended.condition is not ConditionCode.CANCEL_REQUEST_RECEIVED or ended.name:
            why = ended.condition.name.lower().replace("_", " ")
            self._context.event(UplinkRefused(ended.name[:64], Reason.CORRUPT, why))

    # For the ground.

    def suspend(self, name: str) -> None:
        """Hold all downlinks of a name. Raises Refused."""
        self._hold(name, True, self.engine.suspend)

    def resume(self, name: str) -> None:
        """Go on with them. Raises Refused."""
        self._hold(name, False, self.engine.resume)

    def _hold(
        self, name: str, suspended: bool, change: Callable[[TransactionId, float], object]
    ) -> None:
        now = self._context.clock.now()
        found = [state.id for state in self._sending() if state.name == name]
        if not self._fountain.suspend(name, suspended, now) and not found:
            raise Refused(Reason.UNKNOWN, f"{name} is not being sent")
        for transaction in found:
            change(transaction, now)

    def _sending(self) -> list[State]:
        return [state for state in self.engine.progress() if state.sending]

    def transfers(self) -> list[FileTransfer]:
        """All that is on its way."""
        return by_cfdp(self.engine.progress()) + by_fountain(self._fountain.progress())

    def refused(self) -> dict[str, int]:
        """Bad input by kind."""
        found = {f"cfdp_{kind}": count for kind, count in self.engine.refused().items()}
        return found | {"fountain_bad": self._fountain.counters["bad"]}
