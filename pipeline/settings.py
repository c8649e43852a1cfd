"""The settings of one installation, from the environment (`RATEMILL_...`) or the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import SettingsError

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Settings(BaseSettings):
    """Everything that differs between installations; each field is ``RATEMILL_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="RATEMILL_", frozen=True, extra="ignore")

    installation: str = Field(
        default="ratemill",
        description="Prefix of every topic, group, transactional id, schema and folder.",
    )
    data: Path = Field(default=Path(".ratemill"), description="Data folder.")
    kafka_bootstrap: str | None = Field(
        default=None, description="Brokers, host:port,...; none: the embedded broker."
    )
    postgres_dsn: str | None = Field(
        default=None, description="postgresql://...; none: the embedded database."
    )
    mappings: Path | None = Field(
        default=None, description="Folder of a site's own mappings, beside the shipped ones."
    )
    raw_partitions: int = Field(
        default=4, ge=1, le=256, description="Partitions of raw usage; fixed at the first start."
    )
    rating_partitions: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Partitions of usage events and of the ledger; fixed at the first start.",
    )
    replication_factor: int = Field(
        default=1, ge=1, le=7, description="Copies of each topic, for topics created from now on."
    )

    slot: int | None = Field(default=None, description="Instance slot of a supervised worker.")
    metrics_port: int = Field(
        default=0,
        ge=-1,
        le=65_535,
        description="Of metrics and health. 0: a free port; -1: no server. `up` gives each of its "
        "workers the next one.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address that metrics and health are served on; there is no password.",
    )

    watch: bool = Field(
        default=True,
        description="Whether `up` runs the watch worker too, which follows single sources.",
    )
    watch_late_ms: int = Field(
        default=300_000,
        ge=0,
        description="How late a number of a source may come before it counts as missing.",
    )
    watch_forget_days: int = Field(
        default=90,
        ge=1,
        description="Silence after which the watch worker forgets a source; its next record is "
        "that of a new one.",
    )

    session_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        description="Silence after which the broker takes a worker for dead.",
    )
    heartbeat_interval_ms: int = Field(
        default=1_000, ge=100, description="How often a worker says that it lives."
    )
    max_poll_interval_ms: int = Field(
        default=60_000, ge=1_000, description="Longest time between two looks at the group."
    )
    transaction_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        description="Age at which the broker ends the transaction of a worker that says nothing.",
    )
    open_transaction_wait_ms: int = Field(
        default=60_000, description="How long a start waits for an earlier transaction to end."
    )
    batch_work_ms: int = Field(default=100, ge=1, description="Work aimed at in one batch.")
    batch_records: int = Field(default=2_000, ge=1, description="Source records of one batch.")
    batch_bytes: int = Field(
        default=500_000,
        ge=1_000,
        # A proof of normalise holds 44 bytes for each item: with the shortest items that there
        # are, it stays below the size of a record batch.
        description="Source bytes of one batch.",
    )
    batch_every_ms: int = Field(
        default=40,
        ge=0,
        description="Least time between two batches of a partition that are small.",
    )
    load_batch_records: int = Field(
        default=10_000, ge=1, description="Records that one transaction of load gathers."
    )

    dedup_horizon_ms: int = Field(
        default=62 * _DAY_MS,
        ge=_DAY_MS,
        description="How old usage may be when it arrives; older goes to suspense.",
    )
    future_ms: int = Field(
        default=_DAY_MS, ge=0, description="How far ahead of its arrival usage may begin."
    )
    snapshots: Path | None = Field(
        default=None,
        description="Folder of the snapshots of state, one that all machines reach; none: "
        "`snapshots` in the data folder.",
    )
    snapshot_changes: int = Field(
        default=1_000_000,
        ge=0,
        description="Changes of a partition's state after which it is copied to a snapshot; "
        "half as many as it has keys where that is more. 0: no snapshots.",
    )
    snapshot_interval_ms: int = Field(
        default=_DAY_MS,
        ge=1_000,
        description="Time after which it is copied too, if it changed.",
    )
    internal_errors_per_hour: int = Field(
        default=5,
        ge=0,
        description="Records a partition may give up on after a failure of ours, before it stops.",
    )

    @field_validator("installation")
    @classmethod
    def _installation_is_a_name(cls, value: str) -> str:
        """Return a prefix that is legal as topic, group, schema and folder name alike."""
        legal = value.replace("_", "").isalnum() and value.isascii() and value.islower()
        if not (legal and value[0].isalpha() and len(value) <= 40):
            raise ValueError("1 to 40 lower-case letters, digits and _, the first a letter")
        return value

    @field_validator("postgres_dsn")
    @classmethod
    def _dsn_is_a_url(cls, value: str | None) -> str | None:
        """Return the DSN; it may hold a password, so the error does not show it."""
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise SettingsError(
                "RATEMILL_POSTGRES_DSN does not begin with postgresql://. Operator action: write it "
                "as postgresql://user:password@host:5432/database; options override the "
                "environment."
            )
        return value

    def state_folder(self) -> Path:
        """Return the folder of the workers' RocksDB state."""
        return self.data / "state" / self.installation

    def snapshot_folder(self) -> Path:
        """Return the folder of the snapshots of all installations."""
        return self.data / "snapshots" if self.snapshots is None else self.snapshots

    def environment(self) -> dict[str, str]:
        """Return the variables that give a child process these same settings."""
        return {
            f"RATEMILL_{name.upper()}": str(value)
            for name, value in self.model_dump().items()
            if value is not None
        }
