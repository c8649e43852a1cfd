"""What can stop a partition or a process; each message ends with the operator's action."""

from __future__ import annotations


class RatemillError(Exception):
    """An error whose text is meant for an operator."""


class SettingsError(RatemillError):
    """The settings cannot work; the process does not start."""


class WrongInstallation(RatemillError):
    """Broker, state and database do not belong to one installation; nothing was changed."""


class MissingGenesis(RatemillError):
    """A partition has no proof at all, not even its genesis."""


class BrokenChain(RatemillError):
    """A proof does not follow the one before it, or is not what its chain says."""


class OpenTransaction(RatemillError):
    """A partition that only we write has a transaction open that is not ours."""


class AppendRefused(RatemillError):
    """The broker did not take a record of a batch; the batch was not committed."""


class StepFailed(RatemillError):
    """The pure step raised at one record: a bug of ours."""

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class Halted(RatemillError):
    """The partition must not go on before somebody has looked at it."""


class BrokerUnavailable(RatemillError):
    """The broker cannot be reached; raised where there is nothing left to retry for."""


class CannotSettle(RatemillError):
    """Records in suspense cannot be recycled or written off as was asked; nothing was changed."""


class CannotCorrect(RatemillError):
    """A month that does not come out again as it was charged, or not as it was asked for."""
