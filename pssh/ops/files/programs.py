"""What runs on a host for the stream way: small programs for its POSIX shell, given to `sh -c` with quoted arguments.

Promises: no byte of a name is read as a command; every path begins with `/` or `./`; a temporary name is made
exclusively, in a private mode, and is removed by a trap however the program ends; nothing gets its final name but by a
rename of what has been compared in size and SHA-256.

Why lists on standard input, each name ended by NUL: a command line is bounded, and a name may hold anything else.
Why `xargs -0` in groups: one process for many files.
"""

from pssh.ops.files.remains import GONE
from pssh.ops.shellwords import join, quote


def _quoted(program: str) -> str:
    return program.replace("'", "'\\''")


_BEGIN = """LC_ALL=C; export LC_ALL; unset CDPATH ENV; umask 077
no() { printf 'no %s\\n' "$*"; exit 70; }
nl='
'
"""
# The tool that hashes is kept as words, because it may be two or three of them.
_TOOLS = """if command -v sha256sum >/dev/null 2>&1; then H=sha256sum
elif command -v shasum >/dev/null 2>&1; then H='shasum -a 256'
elif command -v openssl >/dev/null 2>&1; then H='openssl dgst -sha256 -r'
elif busybox sha256sum </dev/null >/dev/null 2>&1; then H='busybox sha256sum'
else H=
fi
"""
# Whichever `stat` there is: to ask which one it is would take as long as to try the usual one first.
_STAT = """facts() {
  stat ${follow:+-L} -c '%f %s %u %g %Y %U %G' "$@" 2>/dev/null ||
    stat ${follow:+-L} -f '%Xp %z %u %g %m %Su %Sg' "$@"
}
device() { stat -c %d "$@" 2>/dev/null || stat -f %d "$@"; }
"""
# Who we are and where, as Linux says without a process for each of them.
ME = """g=
while read -r k x y z; do case $k in Uid:) u=$y ;; Gid:) g=$y; break ;; esac; done \\
  2>/dev/null </proc/self/status
[ "$g" ] || { u=$(id -u); g=$(id -g); }
"""
# GNU's sha256sum is often built without the processor's instructions for it, and then takes six times as long as
# openssl, which takes longer to begin. It is taken for much, and where it is seen to work.
_MUCH = """much() { case $(openssl dgst -sha256 -r </dev/null 2>/dev/null) in
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) H='openssl dgst -sha256 -r' ;; esac; }
"""
MUCH = 4 << 20  # bytes
SMALL = 64 << 10  # bytes of a file
# One group of a list: presence of each, then facts, then hashes of the flagged files, then targets of the links.
# Arguments are named by their numbers: to leave out or change them one by one takes time by the square of theirs.
_GROUP = (
    r"""h=$1 p=$2 follow=; shift 2
nl='
'
"""
    + _STAT
    + r"""i=0 m= a= hs= ls=
for x do
  i=$((i + 1)) k=$x
  x=$p${x#?} r=" \"\$p\${$i#?}\""
  if [ -h "$x" ]; then
    a=$a$r
    case $k in l*) m="$m@" ls=$ls$r ;; *) m="$m+" ;; esac
  elif [ -e "$x" ]; then
    a=$a$r
    case $k in h*) k=$h ;; *) k= ;; esac
    if [ "$k" ] && [ -f "$x" ] && [ -r "$x" ]; then m="$m#" hs=$hs$r; else m="$m+"; fi
  else m="$m-"; fi
done
printf '%s\n' "$m"
[ -z "$a" ] || eval "facts$a"
[ -z "$hs" ] || case "$p$*" in
*"$nl"*) eval "for x in$hs; do $h < \"\$x\"; done" ;;
*) eval "$h$hs" ;;
esac
[ -z "$ls" ] || eval "for x in$ls; do readlink \"\$x\"; printf '\\0'; done"
exit 0
"""
)
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
"""
    + ME
    + """printf '%s %s %s\\n' "$u" "$g" "${H:+yes}"
printf '%s\\0%s\\0' "$c" "$n"
if [ ! -d "$c" ]; then printf 'none\\n'; exit 0; fi
cd "$c/" 2>/dev/null || { printf 'shut\\n'; exit 0; }
[ -w . ] && s=there || s=fixed
for x in ./.pssh-*; do [ ! -e "$x" ] || s="$s left"; break; done
printf '%s\\n' "$s"
p=./; [ "$only" ] && p=./$n
if [ "$only" ] && [ ! -e "$p" ] && [ ! -h "$p" ]; then printf 'empty\\n'; exit 0; fi  # nor is what would be in it
xargs -0 -n 500 sh -c '"""
    + _quoted(_GROUP)
    + """' sh "$H" "$p"
printf 'end %s\\n' "$1"
"""
)
_SWEEP = (
    GONE
    + """t=./$tag$hex.$u.$$
o=
w=
trap '[ -z "$o" ] || rm -rf "$o"; [ -z "$w" ] || cd -P "$w"; rm -rf "$t"' EXIT
trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM
"""
)
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
    + _TOOLS
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
[ ! -d "./$n" ] || no is-directory; [ ! -h "./$n" ] || no symlink
if [ "$backup" ] && [ -e "./$n" ]; then
  [ ! -d "./$n~" ] || no is-directory
  rm -f "./$n~"; { [ -z "$inplace" ] && ln "./$n" "./$n~" 2>/dev/null; } || cp -p "./$n" "./$n~" || exit
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
# What lies at some paths, as programs say it that are asked about each.
_FOUND = (
    r"""follow=$1; shift
"""
    + _STAT
    + r"""all=1
for x do [ -e "$x" ] || { [ -h "$x" ] && [ -z "$follow" ]; } || all=; done
[ "$all" ] || for x do
  shift
  if [ -e "$x" ] || { [ -h "$x" ] && [ -z "$follow" ]; }; then set -- "$@" "$x"; fi
done
printf '%s\n' $#
[ $# -gt 0 ] || exit 0
facts "$@"
printf '%s\0' "$@"
[ "$follow" ] || for x do if [ -h "$x" ]; then readlink "$x"; printf '\0'; fi; done
exit 0
"""
)
# Archives one behind the other, each followed by our mark, the names of what was to be in it, and their hashes, which
# are worked out while it is on its way. Where not all of them are files that can be read, each is looked at by itself.
# TAR_OPTIONS is for GNU's tar alone, which would take `\n` in a name for a line's end. Much is read and written in
# pieces as large as a pipe: the usual 10 KiB cost tar and sshd more calls than anything else.
_PACK = r"""m=$1 h=$2; shift 2
tar -cf - ${TAR_WIDE:+"$TAR_WIDE"} ${TAR_FOLLOW:+-h} "$@" &
all=$h nl='
'
for x do [ -f "$x" ] || all=; done
case "$*" in *"$nl"*) all= ;; esac
[ "$all" ] && hs=$($h "$@" 2>/dev/null) || all=
wait
printf '%s\n%s\n' "$m" $#
printf '%s\0' "$@"
if [ "$all" ]; then printf '%s\nall\n' "$hs"
else
  printf 'each\n'
  i=0 k= hs=
  for x do
    i=$((i + 1))
    if [ "$h" ] && [ -f "$x" ] && [ -r "$x" ] && { [ "$TAR_FOLLOW" ] || [ ! -h "$x" ]; }; then
      k="$k=" hs="$hs \"\${$i}\""
    else k="$k-"; fi
  done
  printf '%s\n' "$k"
  [ -z "$hs" ] || case "$*" in
  *"$nl"*) eval "for x in$hs; do $h < \"\$x\"; done" ;;
  *) eval "$h$hs" ;;
  esac
fi
printf 'end %s\n' "$m"
exit 0
"""
# What lies at some paths, patterns expanded; a path that is there as it is written is no pattern. Pathname expansion of
# an unquoted variable, with nothing to split words at, is all that is done with them. GNU's find says all of it itself;
# whether it can is asked only where it did not do it. Small files follow in archives where they are wanted in any case.
LIST = (
    _BEGIN
    + _TOOLS
    + """printf '%s\\n' "$1"; mark=$1 follow=$2 small=$4
if [ "$3" ]; then cd || exit; fi
shift 4
printf '%s\\n' "${H:+yes}"
found='"""
    + _quoted(_FOUND)
    + """'
"""
    + """below() {
  printf 'root\\0%s\\0' "$1"
  if { e=$(find ${follow:+-L} "$1" -printf '%y %m %s %T@\\0%P\\0%l\\0' 2>&1 >&3); } 3>&1 ||
    find . -prune -printf x >/dev/null 2>&1; then
    printf '.\\0'
  else
    printf -- '-\\0'
    { e=$({ find ${follow:+-L} "$1" -print0 2>&4 | xargs -0 -n 200 sh -c "$found" sh "$follow" >&3 2>&5; } 4>&1
    ); } 3>&1 5>&2
    printf '.\\n'
  fi
  shut "$e"
}
# What goes away meanwhile is not missed; what may not be looked into is.
shut() {
  case $1 in *'ermission denied'* | *'nput/output error'* | *'I/O error'*) ;; *) return 1 ;; esac
  printf 'shut\\0%.500s\\0' "$1"; small=
}
there() { [ -e "$1" ] || [ -h "$1" ]; }
for p do
  if there "$p"; then set -f; else set +f; fi
  IFS=; for x in $p; do
    unset IFS
    if there "$x"; then below "$x"; elif ! shut "$(ls -d "$x" 2>&1)"; then printf 'none\\0%s\\0' "$p"; small=; fi
  done
  unset IFS; set +f
done
printf 'end %s\\n' "$mark"
[ "$small" ] || exit 0
for p do
  shift
  if there "$p"; then set -f; else set +f; fi; IFS=; set -- "$@" $p; unset IFS; set +f
done
TAR_FOLLOW=$follow TAR_OPTIONS=--no-unquote; export TAR_FOLLOW TAR_OPTIONS
find ${follow:+-L} "$@" -type f -size -@SMALL@ -exec sh -c '"""
    + _quoted(_PACK)
    + """' sh "$mark" "$H" {} + 2>/dev/null
printf '%s\\nover\\n' "$mark"
"""
).replace("@SMALL@", f"{SMALL // 512 + 1}")
HASH = (
    _BEGIN
    + _TOOLS
    + _MUCH
    + """printf '%s\\n' "$1"
if [ "$2" ]; then cd || exit; fi
[ -z "$3" ] || much
xargs -0 -n 500 sh -c '"""
    + _quoted(_GROUP)
    + """' sh "$H" ""
printf 'end %s\\n' "$1"
"""
)
FETCH = (
    _BEGIN
    + _TOOLS
    + _MUCH
    + """printf '%s\\n' "$1"
if [ "$2" ]; then cd || exit; fi
TAR_FOLLOW=$3 TAR_WIDE= TAR_OPTIONS=--no-unquote; export TAR_FOLLOW TAR_WIDE TAR_OPTIONS
[ -z "$4" ] || { much; case $(tar --version 2>/dev/null) in *'GNU tar'* | bsdtar*) TAR_WIDE=-b128 ;; esac; }
xargs -0 -n 1000 sh -c '"""
    + _quoted(_PACK)
    + """' sh "$1" "$H"
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


# A tree comes as one archive: `f/` is what is to be placed, `c/do` the program that does it, in words of these.
TREE = (
    _BEGIN
    + _TOOLS
    + _MUCH
    + _STAT
    + """printf '%s\\n' "$1"; mark=$1
"""
    + _INTO
    + """times=$1 follow=
[ -z "$2" ] || much
"""
    + _SWEEP
    + _STORE
    + """sums() {
  case $H in
  '') ;;
  *sha256sum | shasum*) $H -c ../c/sums >/dev/null 2>&1 || no verify ;;
  *) got=$(cut -c 67- ../c/sums | tr '\\n' '\\0' | xargs -0 $H | sed 's/ \\*/  /')
    [ "$got" = "$(cat ../c/sums)" ] || no verify ;;
  esac
}
sum() { [ -z "$H" ] || { got=$($H < "$2"); [ "${got%% *}" = "$1" ] || no verify; }; }
keep() {  # as a second name, or as a copy: `$1`
  copy=$1; shift
  for x do
    if [ -d "$x~" ]; then echo "$x~ is a directory" >&2; exit 1; fi
    rm -f "$x~"; { [ -z "$copy" ] && ln "$x" "$x~" 2>/dev/null; } || cp -p "$x" "$x~" || exit
  done
}
over() { for x do cat "$x" > "../../$x" && rm -f "$x" || exit; done; }
# A rename to another file system is a copy, which a cut leaves half done: what goes there is first brought beside it.
far= here=
near() {
  set -- $(device "$@")
  here=$1
  for x do [ "$x" = "$here" ] || far=1; done
}
beside() {
  o=$d/${t#./}
  mkdir "$o" && cp -pRP "$@" "$o/" || return
  for x do mv -f "$o/${x##*/}" "$d/" || return; done
  rmdir "$o" && o=
}
into() {
  d=$1; shift
  [ -d "$d" ] || no is-file
  if [ "$far" ] && [ "$(device "$d/.")" != "$here" ]; then beside "$@"; else mv -f "$@" "$d/"; fi || exit
}
mode() {
  m=$1; shift
  for x do [ ! -h "$x" ] || { bare "$@"; return; }; done
  chmod "$m" "$@" || exit
}
bare() { for x do [ -h "$x" ] || chmod "$m" "$x" || exit; done; }
mkdir "$t" || exit
cd "$t" || exit
w=..
if [ "$times" ]; then tar -xpf - || exit; else tar -xpmf - || exit; fi
[ -f c/end ] || no short
cd f || exit
w=../..
. ../c/do
printf 'done %s\\n' "$mark"
"""
)


def line(program: str, *args: str) -> str:
    """Return the command line that runs a program; whatever shell the login has reads nothing but quoted words."""
    return f"exec sh -c {quote(program)} sh {join(args)}"
