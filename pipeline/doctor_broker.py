"""Settings of the broker itself, and ours against them, that money depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.findings import Finding
from pipeline.settings import Settings

TRANSACTION_LOG = "__transaction_state"
_DAY_MS = 86_400_000
_LONGEST_MONTH_DAYS = 31


def broker_findings(config: Mapping[str, str], settings: Settings) -> Sequence[Finding]:
    """Return what the settings of a broker say against ours. One that the broker does not tell, as
    some services do not, is left out: whether ours is allowed then shows at the first start."""
    return [
        Finding(
            where="broker",
            setting=setting,
            expected=f"at {'least' if is_least else 'most'} {ours:,} ({variable})",
            found=f"{int(config[setting]):,}",
            fits=int(config[setting]) >= ours if is_least else int(config[setting]) <= ours,
            action=f"change {setting} on the brokers, or {variable} here",
        )
        for setting, variable, ours, is_least in (
            (
                "transaction.max.timeout.ms",
                "RATEMILL_TRANSACTION_TIMEOUT_MS",
                settings.transaction_timeout_ms,
                True,
            ),
            (
                "group.max.session.timeout.ms",
                "RATEMILL_SESSION_TIMEOUT_MS",
                settings.session_timeout_ms,
                True,
            ),
            (
                "group.min.session.timeout.ms",
                "RATEMILL_SESSION_TIMEOUT_MS",
                settings.session_timeout_ms,
                False,
            ),
        )
        if config.get(setting, "").isdigit()
    ]


def transaction_log_finding(config: Mapping[str, str], replicas: int, *, ours: int) -> Finding:
    """Return whether the log of transactions survives what our topics survive. ``replicas``: the
    fewest copies of a partition of it; ``ours``: of a partition of our topics."""
    in_sync = int(config.get("min.insync.replicas", "1"))
    needed = 1 if ours == 1 else 2
    return Finding(
        where=TRANSACTION_LOG,
        setting="replicas, min.insync.replicas",
        expected=f"{ours} or more, {needed} or more",
        found=f"{replicas}, {in_sync}",
        fits=replicas >= ours and in_sync >= needed,
        action="give it as many replicas as our topics have, and set "
        "transaction.state.log.replication.factor and transaction.state.log.min.isr: a commit that "
        "only one broker knows is in doubt when it dies",
    )


def unclean_finding(where: str, config: Mapping[str, str]) -> Finding:
    """Return whether a broker that is behind may become the leader of a topic."""
    found = config.get("unclean.leader.election.enable", "not set")
    return Finding(
        where=where,
        setting="unclean.leader.election.enable",
        expected="false",
        found=found,
        fits=found == "false",
        action="set unclean.leader.election.enable=false: a broker that was behind would lead, and "
        "what it did not have is lost",
    )


def horizon_finding(settings: Settings) -> Finding:
    """Return whether usage of a month that is open is young enough to be taken."""
    days = settings.dedup_horizon_ms / _DAY_MS
    return Finding(
        where="settings",
        setting="RATEMILL_DEDUP_HORIZON_MS",
        expected=f"{_LONGEST_MONTH_DAYS * _DAY_MS:,} or more ({_LONGEST_MONTH_DAYS} days)",
        found=f"{settings.dedup_horizon_ms:,} ({days:g} days)",
        fits=days >= _LONGEST_MONTH_DAYS,
        action="raise it: usage of the first days of a month would be refused at its end",
    )
