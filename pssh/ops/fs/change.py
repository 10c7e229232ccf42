"""What is done to files on the hosts: each says of every path what became of it, and done again changes nothing.

What is replaced or removed is named beforehand (`paths.changeable`), and asked for where it cannot be undone
(`dangers`). On a host the shell goes to where a name lies (`shell.PLACE`), and works from there on `./NAME`: whoever
puts a link in a folder's place meanwhile moves nothing of it elsewhere.
"""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from pssh.errors import UsageError
from pssh.model.files import Act, Answer
from pssh.ops.fs import shell
from pssh.ops.fs.answer import Said
from pssh.ops.fs.base import FileOperation, field, joined
from pssh.ops.fs.here.modes import is_mode
from pssh.ops.fs.paths import changeable, is_pattern, normal, word
from pssh.ops.shellwords import exact, quote, shown

MOST_ACTS = 10_000
_UNCHANGED = ("same", "absent")
# Where find cannot delete, as busybox's may not, `rm` and `rmdir` are told what by it.
_DELETE = (
    "empty() { if find . -maxdepth 0 -name .. -delete 2>/dev/null; then find . -xdev -depth ! -name . -delete; "
    "else find . -xdev ! -type d -exec rm -f -- {} + && "
    "find . -xdev -depth -type d ! -name . -exec rmdir -- {} +; fi; }; "
)
_HOME_IS = "W=$(pwd -P; echo x); W=${W%??}; "  # where we begin, which relative paths are from


class Changing(FileOperation, frozen=True, kw_only=True, omit_defaults=True):
    """A verb that changes what is there; `dry` only says what it would do."""

    dry: bool = False

    def check(self, path: str) -> None:
        changeable(path)

    def needs(self) -> str:
        """Return what the program is made of besides `body`."""
        return shell.PLACE

    def body(self) -> str:
        """Return what is done to `./$n`, which is `$1`, from its folder, in a subshell."""
        raise NotImplementedError

    def program(self) -> str:
        dry = "D=1; " if self.dry else "D=; "
        return shell.program(
            f'( at "$1"; {self.body()}; exit $bad ) || bad=1', self.paths, needs=self.needs() + _HOME_IS + dry
        )

    def answers(self, said: Said) -> Iterable[Answer]:
        acts = [act for act in said.acts if act[0] != "now"]
        for number, (did, path) in enumerate(acts):
            if number >= MOST_ACTS:
                yield Act(path="…", did=f"and {len(acts) - number:,} more")
                return
            yield Act(**field(joined(path, b"")), did=did)

    def more(self, found: list[Answer]) -> dict[str, Any]:
        did = [act.did for act in found if isinstance(act, Act)]
        return {"changed": any(what not in _UNCHANGED and not what.startswith("would") for what in did)}


class Rm(Changing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Remove names; with `recursive` folders with all they hold, on one file system, following no link."""

    recursive: bool = False
    verb: ClassVar[str] = "rm"

    @property
    def dangers(self) -> bool:
        return not self.dry

    def program(self) -> str:
        dry = "D=1; " if self.dry else "D=; "
        there = '( at "$1"; same_way "$1"; ' + self.body() + "; exit $bad ) || bad=1"
        return shell.program(there, self.paths, needs=self.needs() + _DELETE + _HOME_IS + _SAME_WAY + dry)

    def body(self) -> str:
        inner = (
            # From inside the folder that was seen: what is put in its place meanwhile is not touched.
            'i=$(id_of "./$n"); ( cd -P -- "./$n" && [ "$(id_of .)" = "$i" ] || '
            '{ no "$1" "it was replaced"; exit 1; }; '
            "empty; ) || exit 1; "
            'rmdir -- "./$n" || exit 1; o d removed "$1"'
        )
        listed = (
            '( cd -P -- "./$n" && find . -xdev -depth ! -name . -exec sh -c '
            '\'r=$1; shift; for f do printf "d\\0would remove\\0%s/%s\\0" "$r" "${f#./}"; done\' sh "$1" {} + ); '
            'o d "would remove" "$1"'
        )
        whole = f'if [ "$D" ]; then {listed}; else {inner}; fi'
        if not self.recursive:
            whole = 'no "$1" "is a folder (--recursive removes it)"'
        return (
            f'if ! there "./$n"; then o d absent "$1"; elif folder "./$n"; then {whole}; '
            'elif [ "$D" ]; then o d "would remove" "$1"; else rm -f -- "./$n" && o d removed "$1" || exit 1; fi'
        )


# No link on the way to what is removed: where we are must be what was typed.
_SAME_WAY = (
    'same_way() { case $d in /*) t=$d;; .) t=$W;; ./*) t=$W/${d#./};; "") t=/;; *) t=$W/$d;; esac; '
    't=$(printf %s/x "$t" | tr -s /; echo x); t=${t%/xx}; t=${t%/.}; '
    '[ "$w" = "${t:-/}" ] || { no "$1" "on the way is a link; write where it leads to: $w/$n"; exit 1; }; }; '
)


def _names_one(path: str) -> None:
    """Raise UsageError for a path that something new cannot have."""
    normal(path)
    if is_pattern(path):
        raise UsageError(f"`{shown(path)}` is a pattern, and names nothing new", hint=r"a backslash makes `\*` plain")


class Mkdir(Changing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Make folders; one that is there is as good."""

    parents: bool = False
    mode: str = ""
    verb: ClassVar[str] = "mkdir"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mode and not re.fullmatch(r"[0-7]{3,4}", self.mode):
            raise UsageError(f"`{self.mode}` is no mode for a folder", hint="three or four octal digits: `755`")

    def check(self, path: str) -> None:
        _names_one(path)

    def told(self) -> dict[str, Any]:
        return {**self.options(), "mode": int(self.mode, 8) if self.mode else 0}

    def program(self) -> str:
        flags = f"{'-p ' if self.parents else ''}{f'-m {self.mode} ' if self.mode else ''}"
        body = f'if [ -d "$1" ]; then o d same "$1"; elif mkdir {flags}-- "$1"; then o d made "$1"; else bad=1; fi'
        return shell.program(body, self.paths, needs="")


class Touch(Changing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Make empty files, or set a file's time to now."""

    verb: ClassVar[str] = "touch"

    def check(self, path: str) -> None:
        normal(path)

    def body(self) -> str:
        return (
            'if there "./$n"; then k=touched; else k=made; fi; '
            'if [ -L "./$n" ]; then no "$1" "is a link"; else touch -- "./$n" && o d $k "$1" || bad=1; fi'
        )


class Chmod(Changing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Set modes: octal, or `u+x,go-w`."""

    mode: str
    recursive: bool = False
    verb: ClassVar[str] = "chmod"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_mode(self.mode):
            raise UsageError(f"`{shown(self.mode)}` is no mode", hint="write `640`, `u+x` or `a=rX,u+w`")

    @property
    def dangers(self) -> bool:
        return self.recursive and not self.dry

    def body(self) -> str:
        # Without a sign somebody must be named, else the umask has a say.
        mode = ",".join(part if part[0] in "ugoa01234567" else f"a{part}" for part in self.mode.split(","))
        return _attributes("chmod", mode, recursive=self.recursive, links='no "$1" "is a link"; exit 1')


class Chown(Changing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Set owner and group: `deploy`, `deploy:www`, `:www`; of links themselves."""

    owner: str
    recursive: bool = False
    verb: ClassVar[str] = "chown"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"(?=.)[A-Za-z0-9_.][A-Za-z0-9_.@$-]*(:[A-Za-z0-9_.@$-]*)?|:[A-Za-z0-9_.@$-]+", self.owner):
            raise UsageError(f"`{shown(self.owner)}` is no owner", hint="write `deploy`, `deploy:www` or `:www`")

    @property
    def dangers(self) -> bool:
        return self.recursive and not self.dry

    def body(self) -> str:
        return _attributes("chown -h", self.owner, recursive=self.recursive, links=":")


def _attributes(tool: str, value: str, *, recursive: bool, links: str) -> str:
    """Return a body that sets something and says whether anything has changed."""
    state = 'find "./$n" -xdev -exec stat -c "%a %u %g %i" {} + 2>/dev/null || find "./$n" -xdev -exec ls -ldin {} +'
    if not recursive:
        state = 'stat -c "%a %u %g" "./$n" 2>/dev/null || ls -ldn "./$n"'
    dry = f'o d "would set {value}" "$1"'
    flag = " -R" if recursive else ""
    return (
        f'if ! there "./$n"; then no "$1" "No such file or directory"; exit 1; fi; if [ -L "./$n" ]; then {links}; fi; '
        f'if [ "$D" ]; then {dry}; else b=$({state}); {tool}{flag} {quote(value)} "./$n" || bad=1; a=$({state}); '
        'if [ "$a" = "$b" ]; then o d same "$1"; else o d set "$1"; fi; fi'
    )


class Placing(Changing, frozen=True, kw_only=True, omit_defaults=True):
    """A verb with a destination: to a name in it if it is a folder or ends in `/`, else it is the new name."""

    dest: str
    overwrite: bool = False
    into: bool = False  # the destination must be a folder, because there may be several
    verb: ClassVar[str] = "place"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.paths) > 1 or any(map(is_pattern, self.paths)):
            force_setattr(self, "into", True)
        normal(self.dest)
        if is_pattern(self.dest):
            raise UsageError(f"`{shown(self.dest)}` is a pattern, and no place", hint=r"a backslash makes `\*` plain")

    @property
    def label(self) -> str:
        return f"{super().label} {shown(self.dest)}"

    def options(self) -> dict[str, Any]:
        return {name: value for name, value in super().options().items() if name not in ("dest", "into")}

    def told(self) -> dict[str, Any]:
        return {**self.options(), "dest": self.dest, "into": self.into}


class Mv(Placing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Move or rename; nothing is replaced without `overwrite`, and never a folder."""

    @property
    def dangers(self) -> bool:
        return self.overwrite and not self.dry

    def told(self) -> dict[str, Any]:
        return {**super().told(), "move": True}

    def body(self) -> str:
        return _placed(self, 'mv -f -- "./$n" "$t" && o d moved "$1" || bad=1')


class Cp(Placing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Copy files and folders there, links as links; the copy appears when it is whole."""

    apart: ClassVar[bool] = True

    @property
    def dangers(self) -> bool:
        return self.overwrite and not self.dry

    def check(self, path: str) -> None:
        normal(path)

    def body(self) -> str:
        return _placed(
            self,
            'aside "${t%/*}"; cp -RPp -- "./$n" "$x/" && mv -f -- "$x/$n" "$t" && o d copied "$1" || bad=1',
        )


def _placed(operation: Placing, act: str) -> str:
    over = 'if folder "$t" || folder "./$n"; then no "$t" "is there already"; exit 1; fi'
    if not operation.overwrite:
        over = 'no "$t" "is there already (--overwrite replaces files)"; exit 1'
    dest = normal(operation.dest)
    # Relative to where the login is, not to where the source lies.
    where = f"t={word(dest)}; case $t in /*) ;; *) t=$W/${{t#./}};; esac; "
    inside = "*" if operation.into else "*/"
    return (
        f'{where}there "./$n" || {{ no "$1" "No such file or directory"; exit 1; }}; '
        f"k=; case $t in {inside}) k=1;; esac; "
        'if [ -d "$t" ]; then k=1; elif [ "$k" ]; then no "$t" "is no folder"; exit 1; fi; '
        'if [ "$k" ]; then t=${t%/}/$n; fi; '
        f'if there "$t"; then if [ "$(id_of "$t")" = "$(id_of "./$n")" ]; then o d same "$1"; exit 0; fi; {over}; fi; '
        f'if [ "$D" ]; then o d "would write $t" "$1"; else {act}; fi'
    )


class Link(Changing, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Make a link whose text is `target`; `hard`: another name of that file."""

    target: str
    hard: bool = False
    overwrite: bool = False
    verb: ClassVar[str] = "link"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not exact(self.target):
            raise UsageError("A link leads nowhere", hint="`pssh fs link TARGETS WHERE LINK`")

    def check(self, path: str) -> None:
        _names_one(path)

    def body(self) -> str:
        target = quote(self.target)
        same = (
            f'[ "$(id_of "./$n")" = "$(id_of {target})" ]'
            if self.hard
            else f'[ -L "./$n" ] && [ "$(readlink "./$n"; echo x)" = "$(printf "%s\\nx" {target})" ]'
        )
        over = (
            'if folder "./$n"; then no "$1" "is a folder"; exit 1; fi'
            if self.overwrite
            else ('no "$1" "is there already (--overwrite replaces it)"; exit 1')
        )
        # A link is removed first, since `mv` would go where it leads to; but only once there is what replaces it.
        made = f'aside .; ln {"" if self.hard else "-s "}-- {target} "$x/$n" && '
        replaced = made + '{ [ ! -L "./$n" ] || rm -f -- "./$n"; } && mv -f -- "$x/$n" "./$n"'
        return (
            f'if there "./$n"; then if {same}; then o d same "$1"; exit 0; fi; {over}; fi; '
            f'if [ "$D" ]; then o d "would link" "$1"; else {replaced} && o d linked "$1" || bad=1; fi'
        )
