"""Write pipeline/embedded/jars.txt: every jar of the embedded Kafka with its sha256.

For the one who raises the version; an installation only reads the list.
"""

import os
import pathlib
import tempfile

LIST = pathlib.Path(__file__).resolve().parents[1] / "pipeline" / "embedded" / "jars.txt"
# Kafka names only the interface of its logging; slf4j-simple writes it to the log file.
ROOTS = ("org.apache.kafka:kafka_2.13:4.1.0", "org.slf4j:slf4j-simple:1.7.36")
HEADER = "# Made by `make jars`: group:artifact:version, then the sha256 of the jar.\n"


def main() -> None:
    """Resolve the roots in a home of their own, so that a local repository decides nothing."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        import jgo  # only now: it reads the home when imported

        locked = jgo.build("+".join(ROOTS)).lockfile.dependencies
    lines = sorted(f"{jar.groupId}:{jar.artifactId}:{jar.version} {jar.sha256}\n" for jar in locked)
    LIST.write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main()
