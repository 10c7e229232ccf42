"""What transfers over the shell may leave on a host, and the programs that remove it.

Promises: what a process that lives is still at is left alone; nothing is removed but names that begin as those of the
same target.
"""

_HERE = """{ read -r u; } 2>/dev/null </proc/sys/kernel/hostname || u=$(uname -n)
"""
# `$tag` is how the names begin; ours hold the host's name and the number of the process that made them.
GONE = (
    _HERE
    + """for x in ./$tag*; do
  [ -e "$x" ] || [ -h "$x" ] || continue
  case $x in *".$u."*) p=${x##*.}; kill -0 "$p" 2>/dev/null && continue; [ -d "/proc/$p" ] && continue ;;
  "./$tag"*.*) continue ;; esac
  rm -rf "$x"
done
"""
)
SWEEP = (
    """LC_ALL=C; unset CDPATH; tag=$2
if [ "$3" ]; then cd || exit; fi
cd "$1/" || exit
"""
    + GONE
)
# All that one transfer made.
REMOVE = """if [ "$5" ]; then cd || exit; fi
cd "$1/" 2>/dev/null || exit 0
for x in ./"$2$3".*; do [ -e "$x" ] && rm -rf "$x"; done; :"""
