"""Links to OpenBLAS beside libmxnet.so: on Linux aarch64 alone, said, idempotent, undone."""

import pytest

from tools import doctor, mxnet_arm


@pytest.fixture
def arm(monkeypatch, tmp_path):
    """Give MXNet's folder and the system's libraries, made up, of a machine with Arm's processor."""
    mxnet, system = tmp_path / "mxnet", tmp_path / "lib"
    for path in (mxnet / "libmxnet.so", *(system / one for one in mxnet_arm.LINKS.values())):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(path.name.encode())
    monkeypatch.setattr(mxnet_arm.platform, "system", lambda: "Linux")
    monkeypatch.setattr(mxnet_arm.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(mxnet_arm, "FOLDERS", (tmp_path / "none", system))
    monkeypatch.setattr(mxnet_arm, "mxnet_folder", lambda: mxnet)
    monkeypatch.setattr(mxnet_arm, "loads", lambda name: False)
    return mxnet, system


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_each_name_leads_to_what_stands_in(arm):
    mxnet, system = arm
    said = mxnet_arm.arrange()
    assert names(mxnet) == sorted(["libmxnet.so", *mxnet_arm.LINKS])
    for name, stand_in in mxnet_arm.LINKS.items():
        assert (mxnet / name).read_bytes() == stand_in.encode()
        assert f"{name} -> {system / stand_in}" in said
    assert "\n" not in said and "tools/doctor.py --undo" in said


def test_a_second_run_changes_and_says_nothing(arm):
    mxnet, _ = arm
    mxnet_arm.arrange()
    before = [(one.name, one.lstat().st_ino, one.lstat().st_mtime_ns) for one in mxnet.iterdir()]
    assert mxnet_arm.arrange() == ""
    assert before == [
        (one.name, one.lstat().st_ino, one.lstat().st_mtime_ns) for one in mxnet.iterdir()
    ]


def test_undone_the_folder_is_as_it_was(arm):
    mxnet, system = arm
    mxnet_arm.arrange()
    (system / "libopenblas.so.0").unlink()  # a link that leads nowhere is removed, too
    said = mxnet_arm.undo()
    assert all(name in said for name in mxnet_arm.LINKS)
    assert names(mxnet) == ["libmxnet.so"]
    assert mxnet_arm.undo() == ""


@pytest.mark.parametrize(
    ("system", "machine"), [("Linux", "x86_64"), ("Darwin", "arm64"), ("Windows", "ARM64")]
)
def test_on_other_machines_nothing_changes(arm, monkeypatch, system, machine):
    monkeypatch.setattr(mxnet_arm.platform, "system", lambda: system)
    monkeypatch.setattr(mxnet_arm.platform, "machine", lambda: machine)
    assert mxnet_arm.arrange() == mxnet_arm.undo() == ""
    assert names(arm[0]) == ["libmxnet.so"]


@pytest.mark.parametrize("missing", ["libopenblas.so.0", "liblapacke.so.3"])
def test_without_them_a_sentence_names_the_packages(arm, missing):
    """And no half of the links is made before it."""
    mxnet, system = arm
    (system / missing).unlink()
    said = mxnet_arm.main()
    assert "apt-get install libopenblas0-pthread liblapacke" in said and "\n" not in said
    assert names(mxnet) == ["libmxnet.so"]
    (system / missing).touch()
    assert mxnet_arm.main() is None
    assert set(mxnet_arm.LINKS) < set(names(mxnet))


def test_links_follow_libraries_that_have_moved(arm, monkeypatch, tmp_path):
    mxnet, system = arm
    mxnet_arm.arrange()
    system.rename(tmp_path / "moved")
    monkeypatch.setattr(mxnet_arm, "FOLDERS", (tmp_path / "moved",))
    assert mxnet_arm.arrange().count(" -> ") == 3
    assert (mxnet / "libamath.so").read_bytes() == b"liblapacke.so.3"


def test_arms_own_libraries_stay(arm, monkeypatch, tmp_path):
    """A file or a link beside MXNet, and what the system has under these names."""
    mxnet, _ = arm
    (mxnet / "libamath.so").write_bytes(b"Arm's")
    (mxnet / "libastring.so").symlink_to(tmp_path / "lib" / "liblapacke.so.3")
    monkeypatch.setattr(mxnet_arm, "loads", "libarmpl_lp64_mp.so".__eq__)
    assert mxnet_arm.arrange() == mxnet_arm.undo() == ""
    assert names(mxnet) == ["libamath.so", "libastring.so", "libmxnet.so"]


def test_a_folder_that_cannot_be_written_is_named(arm, monkeypatch):
    def refuse(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mxnet_arm.Path, "symlink_to", refuse)
    assert f"needs a link {arm[0]}/libarmpl" in mxnet_arm.main()


def test_the_doctor_does_it_before_mxnet_is_imported(arm, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "import_problem", lambda: ",".join(names(arm[0])))
    assert doctor.problem() == ",".join(sorted(["libmxnet.so", *mxnet_arm.LINKS]))
    assert capsys.readouterr().out.startswith("In ")


def test_mxnets_folder_is_found_without_importing_it():
    folder = mxnet_arm.mxnet_folder()
    assert (folder / "libmxnet.so").is_file()
