"""What runs on a host for the stream way: small programs for its POSIX shell, given to `sh -c` with quoted arguments.

Promises: no byte of a name is read as a command; every path begins with `/` or `./`; a temporary name is made
exclusively, in a private mode, and is removed by a trap however the program ends; nothing gets its final name but by a
rename of what has been compared in size and SHA-256.

Why lists on standard input, each name ended by NUL: a command line is bounded, and a name may hold anything else.
Why `xargs -0` in groups: one process for many files.
"""

from pssh.ops.shellwords import join, quote


def _quoted(program: str) -> str:
    return program.replace("'", "'\\''")


_BEGIN = """LC_ALL=C; export LC_ALL; unset CDPATH ENV; umask 077
no() { printf 'no %s\\n' "$*"; exit 70; }
nl='
'
"""
# The tool that hashes is kept as words, because it may be two or three of them.
_HASHES = """if command -v sha256sum >/dev/null 2>&1; then H=sha256sum
elif command -v shasum >/dev/null 2>&1; then H='shasum -a 256'
elif command -v openssl >/dev/null 2>&1; then H='openssl dgst -sha256 -r'
elif busybox sha256sum </dev/null >/dev/null 2>&1; then H='busybox sha256sum'
else H=
fi
"""
_TOOLS = (
    _HASHES
    + """if stat -c %s . >/dev/null 2>&1; then S='stat -c' F='%f %s %u %g %Y %U %G' D=%d
else S='stat -f' F='%Xp %z %u %g %m %Su %Sg' D=%d
fi
"""
)
# GNU's sha256sum is often built without the processor's instructions for it, and then takes six times as long as
# openssl, which takes longer to begin. It is taken for much, and where it is seen to work.
_MUCH = """much() { case $(openssl dgst -sha256 -r </dev/null 2>/dev/null) in
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) H='openssl dgst -sha256 -r' ;; esac; }
"""
MUCH = 4 << 20  # bytes
# One group of a list: presence of each, then facts, then hashes of the flagged files, then targets of the links.
_GROUP = r"""s=$1 f=$2 h=$3 p=$4; shift 4
nl='
'
for x do
  shift
  k=${x%"${x#?}"} x=$p${x#?}
  if [ -h "$x" ]; then
    if [ "$k" = l ]; then printf @; set -- "$@" "l$x"; else printf +; set -- "$@" "n$x"; fi
  elif [ -e "$x" ]; then
    if [ "$k" = h ] && [ "$h" ] && [ -f "$x" ] && [ -r "$x" ]; then printf '#'; set -- "$@" "h$x"
    else printf +; set -- "$@" "n$x"; fi
  else printf -; fi
done
printf '\n'
( for x do shift; set -- "$@" "${x#?}"; done; [ $# -eq 0 ] || $s "$f" "$@" )
( for x do shift; case $x in h*) set -- "$@" "${x#?}" ;; esac; done
[ $# -gt 0 ] || exit 0
case "$*" in *"$nl"*) for x do $h < "$x"; done ;; *) $h "$@" ;; esac )
for x do case $x in l*) readlink "${x#?}"; printf '\0' ;; esac; done
exit 0
"""
# Where the destination is, and what is there already of that which is to come.
LOOK = (
    _BEGIN
    + _TOOLS
    + """printf '%s\\n' "$1"
command -v xargs >/dev/null || no tools
dest=$2 folder=$3 name=$4 only=$5 follow=$6 home=$7
if [ "$home" ]; then cd || exit; fi
if [ -z "$name" ] || [ -d "$dest" ] || [ -z "$only" ]; then
  c=$dest n=$only
  if [ -e "$c" ] && [ ! -d "$c" ]; then no is-file; fi
else c=$folder n=$name; fi
if [ "$follow" ] && [ "$n" ] && [ -h "$c/$n" ]; then
  t=$(readlink -f "$c/$n"; printf .) && t=${t%"$nl".}
  case $t in /*) c=${t%/*} n=${t##*/}; c=${c:-/} ;; *) no symlink ;; esac
fi
printf '%s %s %s %s\\n' "$(id -u)" "$(id -g)" "${H:+yes}" "$(uname -n)"
printf '%s\\0%s\\0' "$c" "$n"
if [ ! -d "$c" ]; then printf 'none\\n'; exit 0; fi
cd "$c/" 2>/dev/null || { printf 'shut\\n'; exit 0; }
[ -w . ] && printf 'there\\n' || printf 'fixed\\n'
p=./; [ "$only" ] && p=./$n
xargs -0 -n 50 sh -c '"""
    + _quoted(_GROUP)
    + """' sh "$S" "$F" "$H" "$p"
printf 'end %s\\n' "$1"
"""
)
# What an earlier run left for the same target, unless the process that made it is still at work there.
_SWEEP = """u=$(uname -n)
for x in ./$tag*; do
  [ -e "$x" ] || [ -h "$x" ] || continue
  case $x in *".$u."*) p=${x##*.}; kill -0 "$p" 2>/dev/null && continue; [ -d "/proc/$p" ] && continue ;;
  "./$tag"*.*) continue ;; esac
  rm -rf "$x"
done
t=./$tag$hex.$u.$$
o=
trap 'rm -rf "$t" ${o:+"$o"}' EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
"""
_INTO = """c=$2 n=$3 tag=$4 hex=$5 mkdir=$6 home=$7; shift 7
if [ "$home" ]; then cd || exit; fi
if [ "$mkdir" ]; then (umask 022; mkdir -p "$c/") || exit; fi
cd "$c/" || exit
"""
_STORE = """case $(sync --help 2>&1) in *FILE*) store() { sync "$@" 2>/dev/null || :; } ;; *) store() { :; } ;; esac
"""
# Where openssl is not right, or there is none, the usual tool says whether it is the same; where there is no tool, the
# size has said so. The kernel still has what was just written: to read it again costs less than to hash it on its way,
# for which `tee` would take it in pieces of a few KiB and hand each on through a pipe.
_SAME = """same() {
  if [ "$size" -ge @MUCH@ ] && got=$(openssl dgst -sha256 -r < "$1" 2>/dev/null); then
    [ "${got%% *}" != "$sum" ] || return 0
  fi
  [ "$H" ] || return 0
  got=$($H < "$1"); [ "${got%% *}" = "$sum" ]
}
"""
ONE = (
    _BEGIN
    + _HASHES
    + _SAME
    + """printf '%s\\n' "$1"; mark=$1
"""
    + _INTO
    + """size=$1 sum=$2 mode=$3 owner=$4 when=$5 backup=$6 inplace=$7
"""
    + _SWEEP
    + _STORE
    + """set -C; cat > "$t" || exit; set +C
[ $(wc -c < "$t") -eq "$size" ] || no short
same "$t" || no verify
if [ "$owner" ]; then chown "$owner" "$t" || exit; fi
if [ "$mode" ]; then chmod "$mode" "$t" || exit; fi
if [ "$when" ]; then TZ=UTC0 touch -m -t "$when" "$t" || exit; fi
store "$t"
[ ! -d "./$n" ] || no is-directory
[ ! -h "./$n" ] || no symlink
if [ "$backup" ] && [ -e "./$n" ]; then
  [ ! -d "./$n~" ] || no is-directory
  rm -f "./$n~"; ln "./$n" "./$n~" 2>/dev/null || cp -p "./$n" "./$n~" || exit
fi
if [ "$inplace" ] && [ -e "./$n" ]; then
  cat "$t" > "./$n" || exit
  same "./$n" || no verify
  if [ "$owner" ]; then chown "$owner" "./$n" || exit; fi
  if [ "$mode" ]; then chmod "$mode" "./$n" || exit; fi
  if [ "$when" ]; then TZ=UTC0 touch -m -t "$when" "./$n" || exit; fi
  store "./$n"
else
  mv -f "$t" "./$n" || exit
  if [ -d "./$n" ]; then rm -f "./$n/${t#./}"; no is-directory; fi
  store .
fi
printf 'done %s\\n' "$mark"
"""
).replace("@MUCH@", f"{MUCH}")
# What lies at some paths, patterns expanded; a path that is there as it is written is no pattern. Pathname expansion of
# an unquoted variable, with nothing to split words at, is all that is done with them. To leave out or change arguments
# one by one takes time by the square of their number: here and below it is done only where it must be.
_FOUND = r"""s=$1 f=$2 follow=$3; shift 3
all=1
for x do [ -e "$x" ] || { [ -h "$x" ] && [ -z "$follow" ]; } || all=; done
[ "$all" ] || for x do
  shift
  if [ -e "$x" ] || { [ -h "$x" ] && [ -z "$follow" ]; }; then set -- "$@" "$x"; fi
done
printf '%s\n' $#
[ $# -gt 0 ] || exit 0
$s "$f" "$@"
printf '%s\0' "$@"
[ "$follow" ] || for x do if [ -h "$x" ]; then readlink "$x"; printf '\0'; fi; done
exit 0
"""
_EXPAND = r"""s=$1 f=$2 follow=$3 found=$4; shift 4
for p do
  if [ -e "$p" ] || [ -h "$p" ]; then set -f; else set +f; fi
  IFS=; for x in $p; do
    unset IFS
    if [ -e "$x" ] || [ -h "$x" ]; then
      printf 'root\0%s\0' "$x"
      find ${follow:+-L} "$x" -print0 | xargs -0 -n 200 sh -c "$found" sh "$s" "$f" "$follow"
      printf '.\n'
    else printf 'none\0%s\0' "$p"; fi
  done
  unset IFS; set +f
done
exit 0
"""
LIST = (
    _BEGIN
    + _TOOLS
    + """printf '%s\\n' "$1"
if [ "$3" ]; then cd || exit; fi
printf '%s\\n' "${H:+yes}"
[ -z "$2" ] || S="${S% *} -L ${S##* }"
xargs -0 sh -c '"""
    + _quoted(_EXPAND)
    + """' sh "$S" "$F" "$2" '"""
    + _quoted(_FOUND)
    + """'
printf 'end %s\\n' "$1"
"""
)
HASH = (
    _BEGIN
    + _TOOLS
    + _MUCH
    + """printf '%s\\n' "$1"
if [ "$2" ]; then cd || exit; fi
[ -z "$3" ] || much
xargs -0 -n 50 sh -c '"""
    + _quoted(_GROUP)
    + """' sh "$S" "$F" "$H" ""
printf 'end %s\\n' "$1"
"""
)
# Archives one behind the other, each followed by our mark and the hashes of what was in it. GNU's tar takes `\n` in a
# name for a line's end, and so on, if it is not told otherwise. Much is read and written in pieces as large as a pipe;
# the usual 10 KiB took tar twice, and sshd a quarter, longer.
_PACK = r"""m=$1 s=$2 f=$3 h=$4 g=$5; shift 5
tar -cf - ${TAR_WIDE:+"$TAR_WIDE"} ${TAR_PLAIN:+"$TAR_PLAIN"} ${TAR_FOLLOW:+-h} "$@"
printf '%s\n' "$m"
all=$h
for x do if [ -h "$x" ] || [ ! -f "$x" ] || [ ! -r "$x" ]; then all=; fi; done
case "$*" in *'
'*) all= ;; esac
if [ "$all" ]; then
  for x do printf '#'; done; printf '\n'
  $s "$f" "$@"
  $h "$@"
else
  for x do shift; set -- "$@" "h$x"; done
  sh -c "$g" sh "$s" "$f" "$h" "" "$@"
fi
printf 'end %s\n' "$m"
exit 0
"""
FETCH = (
    _BEGIN
    + _TOOLS
    + _MUCH
    + """printf '%s\\n' "$1"
if [ "$2" ]; then cd || exit; fi
TAR_FOLLOW=$3; export TAR_FOLLOW
[ -z "$4" ] || much
TAR_PLAIN= TAR_WIDE=
[ -z "$4$5" ] || case $(tar --version 2>/dev/null) in
*'GNU tar'*) TAR_PLAIN=${5:+--no-unquote} TAR_WIDE=${4:+-b128} ;; bsdtar*) TAR_WIDE=${4:+-b128} ;; esac
export TAR_PLAIN TAR_WIDE
xargs -0 -n 200 sh -c '"""
    + _quoted(_PACK)
    + """' sh "$1" "$S" "$F" "$H" '"""
    + _quoted(_GROUP)
    + """'
printf '%s\\nover\\n' "$1"
"""
)
# Why a file server would not write into a folder; `$3`: KiB that there must be room for.
WHY = (
    _BEGIN
    + """printf '%s\\n' "$1"
cd "$2/" || exit
[ -w . ] || { echo denied; exit; }
set -- "$3" $(df -P -k . | tail -n 1)
[ "$5" -gt "$1" ] || echo full
"""
)
# A file whose size the kernel makes up.
CAT = _BEGIN + """printf '%s\\n' "$1"; cat "$2" || exit"""
REMOVE = """if [ "$5" ]; then cd || exit; fi
cd "$1/" 2>/dev/null || exit 0
for x in ./"$2$3".*; do [ -e "$x" ] && rm -rf "$x"; done; :"""


# A tree comes as one archive: `f/` is what is to be placed, `c/` says how. Lists hold names ended by NUL.
TREE = (
    _BEGIN
    + _TOOLS
    + _MUCH
    + """printf '%s\\n' "$1"; mark=$1
"""
    + _INTO
    + """times=$1
[ -z "$2" ] || much
"""
    + _SWEEP
    + """each() { [ ! -s "$1" ] || { l=$1; shift; xargs -0 -n 500 "$@" < "$l"; }; }
mkdir "$t" || exit
( cd "$t" || exit  # in a shell of its own, so that what removes the folder does not stand in it
if [ "$times" ]; then tar -xpf - || exit; else tar -xpmf - || exit; fi
[ -f c/end ] || no short
if [ "$H" ]; then
  each c/plain $H | sed 's/^\\\\//' | cut -c 1-64 > c/got
  each c/odd sh -c 'h=$1; shift; for x do $h < "$x"; done' sh "$H" | cut -c 1-64 >> c/got
  [ "$(cat c/got)" = "$(cat c/sums)" ] || no verify
fi
for l in c/owner.*; do [ ! -e "$l" ] || each "$l" chown "${l#c/owner.}" || exit; done
case $(sync --help 2>&1) in *FILE*) each c/plain sync 2>/dev/null ;; esac
exit 0
) || exit
each "$t/c/backup" sh -c 'for x do
  if [ -d "$x~" ]; then echo "$x~ is a directory" >&2; exit 1; fi
  rm -f "$x~"; ln "$x" "$x~" 2>/dev/null || cp -p "$x" "$x~" || exit
done' sh || exit
each "$t/c/inplace" sh -c 't=$1; shift
for x do cat "$t/f/${x#./}" > "$x" && rm -f "$t/f/${x#./}" || exit; done' sh "$t" || exit
# A rename to another file system is a copy, which a cut leaves half done: what goes there is first brought beside it.
i=0 here=$($S "$D" "$t")
beside() {
  o=$d/${t#./}
  mkdir "$o" || return
  ( cd "$t/f" && each "../c/move.$i" sh -c 't=$1; shift; exec cp -pRP "$@" "$t/"' sh "../../$o" ) || return
  each "$t/c/move.$i" sh -c 'o=$1 d=$2; shift 2
for x do mv -f "$o/${x##*/}" "$d/" || exit; done' sh "$o" "$d" && rmdir "$o" && o=
}
while [ -e "$t/c/to.$i" ]; do
  d=$(cat "$t/c/to.$i"; printf .); d=${d%.}
  [ -d "$d" ] || no is-file
  if [ "$($S "$D" "$d/.")" != "$here" ]; then beside || exit; i=$((i + 1)); continue; fi
  ( cd "$t/f" && each "../c/move.$i" sh -c 't=$1; shift; exec mv -f "$@" "$t/"' sh "../../$d" ) || exit
  i=$((i + 1))
done
for l in "$t"/c/mode.*; do [ ! -e "$l" ] || each "$l" sh -c 'm=$1; shift
for x do shift; [ -h "$x" ] || set -- "$@" "$x"; done; [ $# -eq 0 ] || chmod "$m" "$@"' sh "${l##*.}" || exit; done
printf 'done %s\\n' "$mark"
"""
)


def line(program: str, *args: str) -> str:
    """Return the command line that runs a program; whatever shell the login has reads nothing but quoted words."""
    return f"exec sh -c {quote(program)} sh {join(args)}"
