"""A mapping that reads columns by the names in a file's first line, past the first block too."""

from typer.testing import CliRunner

from pipeline.cli.program import app


def test_every_block_of_a_long_file_knows_the_columns(tmp_path, monkeypatch):
    base = (tmp_path / "mappings").resolve()
    base.mkdir()
    shipped = "extends: freeswitch-csv\nname: by-name\nversion: 1\nheader: line\n"
    (base / "by-name.yaml").write_text(shipped)
    monkeypatch.setenv("RATEMILL_MAPPINGS", str(base))
    names = (
        "uuid,caller_id_name,caller_id_number,destination_number,context,start,answer,end,"
        "duration,billsec,hangup_cause,bleg_uuid,accountcode,read_codec,write_codec"
    )
    row = (
        "{0:08d},x,4930{0:06d},4989123,default,2026-10-01 10:00:00,2026-10-01 10:00:05,"
        "2026-10-01 10:01:05,65,60,NORMAL_CLEARING,,4930{0:06d},PCMA,PCMA"
    )
    file = tmp_path / "calls.csv"
    file.write_text("\n".join([names, *(row.format(n) for n in range(2_500))]) + "\n")
    arguments = ["decode", str(file), "--format", "by-name", "--zone", "Europe/Berlin", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert '"event":2500' in result.stdout
