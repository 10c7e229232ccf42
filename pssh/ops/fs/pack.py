"""Archives on the hosts: packed aside and renamed, unpacked into a new folder that appears when all is there."""

from typing import Any, ClassVar

from msgspec.structs import force_setattr

from pssh.errors import UsageError
from pssh.ops.fs.change import Changing
from pssh.ops.fs.here.packing import KINDS, kind_of
from pssh.ops.fs.paths import is_pattern, normal, word
from pssh.ops.shellwords import shown

_FLAGS = {"gz": "z", "xz": "J", "bz2": "j", "": ""}
_ENDINGS = ", ".join(ending for ending, _ in KINDS)


class Packing(Changing, frozen=True, kw_only=True, omit_defaults=True):
    """A verb on archives; `to` empty: beside what it is made of."""

    to: str = ""
    into: bool = False  # `to` is a folder, because it says so or because there are several

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.to:
            normal(self.to)
            several = len(self.paths) > 1 or any(map(is_pattern, self.paths))
            if several or self.to.endswith("/"):
                force_setattr(self, "into", True)

    def check(self, path: str) -> None:
        normal(path)

    def options(self) -> dict[str, Any]:
        return {name: value for name, value in super().options().items() if name != "into"}

    def told(self) -> dict[str, Any]:
        return {**self.options(), "into": self.into}

    def where(self, usual: str) -> str:
        """Return what sets $t to the destination, from where the login is."""
        if not self.to:
            return f"t={usual}; "
        to = f"t={word(normal(self.to))}; case $t in /*) ;; *) t=$W/${{t#./}};; esac; "
        return to + (f"t=${{t%/}}/{usual.removeprefix('./')}; " if self.into else "")


class Archive(Packing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Pack each path, under its own name, into a file of its name, or into `to`."""

    overwrite: bool = False
    verb: ClassVar[str] = "archive"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.to and not self.into and not kind_of(self.to):
            raise UsageError(
                f"`{shown(self.to)}` is no name for an archive", hint=f"it ends in one of {_ENDINGS}, or in `/`"
            )

    @property
    def dangers(self) -> bool:
        return self.overwrite and not self.dry

    def body(self) -> str:
        how = _FLAGS[(kind_of(self.to) or ("", "gz"))[1]] if self.to and not self.into else "z"
        over = ":" if self.overwrite else 'no "$t" "is there already (--overwrite replaces it)"; exit 1'
        return (
            'there "./$n" || { no "$1" "No such file or directory"; exit 1; }; '
            + self.where('"./$n.tar.gz"')
            + f'if folder "$t"; then no "$t" "is a folder"; exit 1; fi; if there "$t"; then {over}; fi; '
            'if [ "$D" ]; then o d "would pack" "$1"; exit 0; fi; aside "${t%/*}"; '
            f'tar -c{how}f "$x/made" -- "./$n" && mv -f -- "$x/made" "$t" && o d packed "$1" || bad=1'
        )


class Extract(Packing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Unpack each archive into a new folder; one that names something outside is refused as a whole.

    Devices and the like are left out, and nothing that comes out is setuid.
    """

    verb: ClassVar[str] = "extract"

    def body(self) -> str:
        cases = "".join(f"*{ending}) m=${{n%{ending}}}; f={_FLAGS[how]};; " for ending, how in KINDS)
        return (
            f'case $n in {cases}*) no "$1" "its name is none of an archive: {_ENDINGS}"; exit 1;; esac; '
            + self.where('"./$m"')
            + 'if there "$t"; then no "$t" "is there already"; exit 1; fi; '
            'if [ "$D" ]; then o d "would unpack" "$1"; exit 0; fi; '
            # What an archive lists is one name a line; one with a line end in it is two, neither of them any safer.
            "if tar -t${f}f \"./$n\" 2>/dev/null | grep -E '^/|(^|/)\\.\\.(/|$)' >/dev/null; then "
            'no "$1" "holds a name that leads outside"; exit 1; fi; '
            'aside "${t%/*}"; tar -x${f}f "./$n" -C "$x" || exit 1; '
            # Root's tar makes devices, and keeps setuid; nobody else can reach them in here.
            's=$(find "$x" ! -type f ! -type d ! -type l -print -exec rm -f -- {} +) || exit 1; '
            'find "$x" ! -type l \\( -perm -4000 -o -perm -2000 \\) -exec chmod u-s,g-s {} + || exit 1; '
            '[ -z "$s" ] || no "$1" "holds what is no file, folder or link, and that was left out"; '
            'chmod "$(umask -S)" "$x" && mv -- "$x" "$t" && o d unpacked "$1" || bad=1'
        )
