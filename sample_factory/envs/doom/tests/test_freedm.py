"""FreeDM is found where it is installed."""

from sample_factory.envs.doom import freedm


def test_the_first_folder_that_has_it_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(freedm, "_FOLDERS", (str(tmp_path / "a"), str(tmp_path / "b")))
    assert freedm.freedm_path() is None
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "freedm.wad").write_bytes(b"")
    assert freedm.freedm_path() == tmp_path / "b" / "freedm.wad"
