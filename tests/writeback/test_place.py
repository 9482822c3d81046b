"""Where the new sheet goes: whole and in its place, or whole beside it; and the old one is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from dubbatch.errors import DiskError
from dubbatch.ledger.lock import batch_lock
from dubbatch.writeback.place import Put, put, sidecar

_OLD, _NEW = b"id,video,audio\n", b"id,video,audio,dub_status\n"
_MOMENT = "2026-11-21T170000.000001Z"
#: Root, but for the right to ignore permissions and to give files away.
_HUMBLE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-chown,-fowner",
           "--inh-caps=-dac_override,-dac_read_search,-chown,-fowner"]  # fmt: skip

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions and links as POSIX has them")


class Shelf:
    """A folder with a sheet, and one for its backups."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sheet = folder / "spring.csv"
        self.sheet.write_bytes(_OLD)
        self.backups = folder / ".dubbatch" / "backups"

    def put(self, data: bytes = _NEW, *, moment: str = _MOMENT, path: Path | None = None) -> Put:
        return self.put_by(lambda file: file.write(data), moment=moment, path=path)

    def put_by(self, write: Callable[[IO[bytes]], object], *, moment: str = _MOMENT, path: Path | None = None) -> Put:
        path = path or self.sheet
        return put(path, path.read_bytes(), lambda file: void(write(file)), self.backups, moment)

    @property
    def beside(self) -> Path:
        return sidecar(self.sheet)

    def kept(self) -> dict[str, bytes]:
        """The backups."""
        return {path.name: path.read_bytes() for path in sorted(self.backups.glob("*"))}

    def parts(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.name.endswith(".part")]


def void(_: object) -> None:
    """What a file's ``write`` returns is of no interest."""


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_the_new_sheet_takes_the_place_of_the_old_one_which_is_kept(shelf: Shelf) -> None:
    done = shelf.put()
    assert done == Put(shelf.sheet, backup=shelf.backups / f"spring.{_MOMENT}.csv")
    assert shelf.sheet.read_bytes() == _NEW
    assert shelf.kept() == {f"spring.{_MOMENT}.csv": _OLD}
    assert not shelf.beside.exists()
    assert shelf.parts() == []


def test_the_last_ten_backups_of_a_sheet_are_kept_and_nothing_else_is_removed(shelf: Shelf) -> None:
    shelf.backups.mkdir(parents=True)
    others = {"spring.csv", "spring.old.csv", "summer.2026-11-21T170000.000001Z.csv", "spring.2026-11-21T1Z.xlsx"}
    for name in others:
        (shelf.backups / name).write_text("theirs")
    for number in range(13):
        shelf.put(b"%d" % number, moment=f"2026-11-21T1700{number:02}.000001Z")
    kept = {name: data for name, data in shelf.kept().items() if name not in others}
    assert list(kept) == [f"spring.2026-11-21T1700{number:02}.000001Z.csv" for number in range(3, 13)]
    assert [*kept.values()] == [b"%d" % number for number in range(2, 12)]
    assert others <= {*shelf.kept()}


def test_the_new_sheet_may_be_read_by_whom_the_old_one_might(shelf: Shelf) -> None:
    shelf.sheet.chmod(0o664)
    if os.geteuid() == 0:
        os.chown(shelf.sheet, 4711, 4712)
    before = shelf.sheet.stat()
    shelf.put()
    after = shelf.sheet.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_in_a_shared_folder_the_group_is_kept_by_who_may_not_give_files_away(shelf: Shelf) -> None:
    """A colleague's file: it becomes ours, and stays the group's."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can play two people")
    shelf.folder.chmod(0o777)
    # Those of all tests are closed to others.
    for folder in shelf.folder.parents:
        if folder.stat().st_mode & 0o001:
            break
        folder.chmod(folder.stat().st_mode | 0o011)
    shelf.sheet.chmod(0o664)
    os.chown(shelf.sheet, 4711, 4712)
    shelf.backups.parent.mkdir()
    shelf.backups.parent.chmod(0o777)
    user = ["setpriv", "--reuid=4713", "--regid=4713", "--groups=4712", "--clear-groups"][:4]
    script = (
        "import sys; from pathlib import Path; from dubbatch.writeback.place import put\n"
        "path = Path(sys.argv[1]); put(path, path.read_bytes(), lambda file: file.write(b'new'), "
        "path.parent / '.dubbatch/backups', '2026-11-21T170000.000001Z')"
    )
    done = subprocess.run(
        [*user, sys.executable, "-c", script, shelf.sheet], capture_output=True, text=True, check=False
    )
    if "Permission denied" in done.stderr and "site-packages" in done.stderr:
        pytest.skip("another user can't run this Python")
    assert done.returncode == 0, done.stderr
    found = shelf.sheet.stat()
    assert (shelf.sheet.read_bytes(), found.st_uid, found.st_gid, found.st_mode & 0o777) == (b"new", 4713, 4712, 0o664)


def test_a_link_stays_a_link_and_what_it_leads_to_is_replaced(shelf: Shelf, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    link = drive / "mine.csv"
    link.symlink_to(shelf.sheet)
    done = shelf.put(path=link)
    assert done.path == link
    assert link.is_symlink()
    assert (shelf.sheet.read_bytes(), link.read_bytes()) == (_NEW, _NEW)
    assert [path.name for path in drive.iterdir()] == ["mine.csv"]


@pytest.mark.parametrize("name", ["~$spring.csv", ".~lock.spring.csv#"])
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_sheet_that_is_open_elsewhere_is_left_alone(shelf: Shelf, name: str, is_linked: bool) -> None:
    path = shelf.sheet
    if is_linked:
        (shelf.folder / "desk").mkdir()
        path = shelf.folder / "desk" / "spring.csv"
        path.symlink_to(shelf.sheet)
    lock = path.parent / name
    lock.write_text("Mika")
    done = shelf.put(path=path)
    assert done.path == sidecar(path)
    assert done.reason == f"is open in another program (its lock file is {name})"
    assert (path.read_bytes(), done.path.read_bytes()) == (_OLD, _NEW)
    assert done.backup is None
    lock.unlink()
    assert shelf.put(path=path).path == path
    assert not sidecar(path).exists()


def test_a_sheet_that_is_opened_while_we_write_is_left_alone(shelf: Shelf) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(_NEW)
        (shelf.folder / "~$spring.csv").write_text("Mika")

    assert "~$spring.csv" in shelf.put_by(write).reason
    assert (shelf.sheet.read_bytes(), shelf.beside.read_bytes()) == (_OLD, _NEW)


def test_a_read_only_sheet_is_left_alone_also_by_who_could_write_it(shelf: Shelf) -> None:
    shelf.sheet.chmod(0o444)
    assert shelf.put().reason == "is read-only"
    assert (shelf.sheet.read_bytes(), shelf.beside.read_bytes()) == (_OLD, _NEW)
    assert shelf.sheet.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("theirs", [b"id,video,audio\nmine\n", b""])
def test_what_somebody_saves_while_we_write_is_kept(shelf: Shelf, theirs: bytes) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(_NEW)
        shelf.sheet.write_bytes(theirs)

    done = shelf.put_by(write)
    assert done.reason == "was changed while the results were written"
    assert (shelf.sheet.read_bytes(), shelf.beside.read_bytes()) == (theirs, _NEW)
    assert shelf.parts() == []


def test_a_sheet_that_goes_away_while_we_write_is_told(shelf: Shelf) -> None:
    with pytest.raises(DiskError, match=r"spring\.csv can't be written: No such file"):
        shelf.put_by(lambda file: shelf.sheet.unlink())
    assert shelf.kept() == {f"spring.{_MOMENT}.csv": _OLD}
    assert shelf.parts() == []


def test_a_sheet_that_the_system_does_not_let_go_is_left_alone(shelf: Shelf) -> None:
    """On Windows this is what a program does that has it open; here a file that can't be changed."""
    if subprocess.run(["chattr", "+i", shelf.sheet], capture_output=True, check=False).returncode:
        pytest.skip("no such attribute here")
    try:
        done = shelf.put()
    finally:
        subprocess.run(["chattr", "-i", shelf.sheet], check=True)
    assert done.reason in ("is open in another program, or may not be written", "is read-only")
    assert (shelf.sheet.read_bytes(), shelf.beside.read_bytes()) == (_OLD, _NEW)
    assert shelf.parts() == []


#: Plays a system that won't have a file replaced: what Windows answers while a program has it open.
_IN_USE = """
import errno, os, sys
from pathlib import Path
def hook(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith(os.sep + "spring.csv"):
        raise PermissionError(errno.EACCES, "The process cannot access the file")
sys.addaudithook(hook)
from dubbatch.writeback.place import put
path = Path(sys.argv[1])
done = put(path, path.read_bytes(), lambda file: file.write(b"new"), path.parent / "kept/b", "2026-11-21T170000.1Z")
print(done.path.name, done.reason, sep="|")
"""


def test_a_sheet_that_another_program_holds_is_left_alone(shelf: Shelf) -> None:
    done = subprocess.run([sys.executable, "-c", _IN_USE, shelf.sheet], capture_output=True, text=True, check=True)
    assert done.stdout == "spring.dubbatch.csv|is open in another program, or may not be written\n"
    assert (shelf.sheet.read_bytes(), shelf.beside.read_bytes()) == (_OLD, b"new")
    assert shelf.parts() == []


def test_two_that_write_one_sheet_do_not_get_in_each_others_way(shelf: Shelf) -> None:
    """Two tabs of one workbook are two batches, and their runs may end together."""
    with batch_lock(shelf.backups, shelf.sheet.name):
        done = shelf.put()
    assert done.reason == "is being written by another dubbatch"
    assert (shelf.sheet.read_bytes(), shelf.beside.read_bytes()) == (_OLD, _NEW)
    assert shelf.put().reason == ""


def test_a_sheet_beside_ours_that_somebody_has_worked_in_is_kept_and_told(shelf: Shelf) -> None:
    """What dubbatch has put there, and nobody has touched, goes without a word."""
    shelf.beside.write_bytes(b"edited by Mika")
    (shelf.folder / "~$spring.csv").write_text("")
    done = shelf.put(moment="2026-11-21T170001.000001Z")
    assert shelf.beside.read_bytes() == _NEW
    kept = shelf.backups / "spring.dubbatch.2026-11-21T170001.000001Z.csv"
    assert done.note == f"spring.dubbatch.csv beside it was not as dubbatch had written it, and is now {kept}"
    (shelf.folder / "~$spring.csv").unlink()
    done = shelf.put(moment="2026-11-21T170002.000001Z")
    assert (shelf.beside.exists(), done.note) == (False, "")
    sheets = {name: data for name, data in shelf.kept().items() if name.endswith(".csv")}
    assert sheets == {"spring.2026-11-21T170002.000001Z.csv": _OLD, kept.name: b"edited by Mika"}


#: Puts a large sheet in its place, and dies when it has come to a moment.
_KILLED = """
import os, signal, sys
from pathlib import Path
event, what = sys.argv[2].split("|")
def hook(told, arguments):
    if told == event and what in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGKILL)
def write(file):
    file.write(b"half")
    file.flush()
    if event == "write":
        os.kill(os.getpid(), signal.SIGKILL)
    file.write(b"whole")
sys.addaudithook(hook)
from dubbatch.writeback.place import put
path = Path(sys.argv[1])
put(path, path.read_bytes(), write, path.parent / ".dubbatch/backups", "2026-11-21T160000.000001Z")
"""


@pytest.mark.parametrize(
    "moment", ["open|.spring.2026", "os.rename|.spring.2026", "open|.spring.csv.", "write|", "os.rename|.spring.csv."]
)
@pytest.mark.parametrize("is_open", [False, True])
def test_a_kill_leaves_the_sheet_whole_and_the_next_write_clears_up(shelf: Shelf, moment: str, is_open: bool) -> None:
    lock = shelf.folder / "~$spring.csv"
    if is_open:
        lock.write_text("")
        moment = moment.replace(".spring.csv.", ".spring.dubbatch.csv.").replace(
            ".spring.2026", ".spring.dubbatch.2026"
        )
        shelf.beside.write_bytes(b"older")
    done = subprocess.run([sys.executable, "-c", _KILLED, shelf.sheet, moment], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    assert shelf.sheet.read_bytes() == _OLD
    left = shelf.parts()
    assert left or moment.startswith("open")
    lock.unlink(missing_ok=True)
    shelf.put()
    assert shelf.sheet.read_bytes() == _NEW
    assert shelf.parts() == []
    assert not shelf.beside.exists()


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Shelf]:
    """A sheet on a disk of its own, which has no room left."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield Shelf(folder)
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("has_backups_elsewhere", [False, True])
def test_on_a_full_disk_nothing_is_lost_and_it_is_told(
    full: Shelf, tmp_path: Path, has_backups_elsewhere: bool
) -> None:
    if has_backups_elsewhere:
        full.backups = tmp_path / "elsewhere" / "backups"
    else:
        full.backups.mkdir(parents=True)
        with batch_lock(full.backups, full.sheet.name):
            # Its files are there from earlier runs.
            pass
    filled = full.folder / "filled"
    with filled.open("wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    with pytest.raises(DiskError, match="No space left on device") as told:
        full.put()
    assert "report --write-back" in told.value.hint
    assert full.sheet.read_bytes() == _OLD
    assert not full.beside.exists()
    assert full.parts() == []
    filled.unlink()
    assert full.put().path == full.sheet


@pytest.mark.parametrize("where", [".", ".dubbatch"])
def test_a_folder_that_may_not_be_written_is_told_and_nothing_is_lost(shelf: Shelf, where: str) -> None:
    script = _KILLED.replace("put(path", "from dubbatch.errors import DiskError\ntry:\n put(path") + (
        "except DiskError as error:\n print(error.message, error.hint, sep=chr(10))\n"
    )
    shelf.backups.mkdir(parents=True)
    prefix = _HUMBLE if os.geteuid() == 0 else []
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip("root without setpriv: permissions hold for nobody here")
    closed = shelf.folder / where
    folders = [closed] if where == "." else [closed, shelf.backups]
    with batch_lock(shelf.backups, shelf.sheet.name):
        pass
    for folder in folders:
        folder.chmod(0o555)
    command = [*prefix, sys.executable, "-c", script, str(shelf.sheet), "no|thing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for folder in folders:
        folder.chmod(0o755)
    if "Operation not permitted" in done.stderr:
        pytest.skip("rights can't be dropped here")
    assert "Permission denied" in done.stdout, done.stdout + done.stderr
    assert ("among the backups" in done.stdout) is (where != ".")
    assert "make room, or see that its folder can be written" in done.stdout
    assert shelf.sheet.read_bytes() == _OLD
    assert shelf.parts() == []


def test_what_goes_wrong_while_the_sheet_is_made_leaves_the_old_one(shelf: Shelf) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shelf.put_by(write)
    assert shelf.sheet.read_bytes() == _OLD
    assert shelf.parts() == []
