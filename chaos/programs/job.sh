# One task's program. What it writes to the journal is what really happened, whatever a supervisor may tell.
# Lines are short and appended in one write each, so that they never mix.
say() { read -r now _ </proc/uptime && echo "$now $1 $CHAOS_KEY $$ ${2-}" >>"$CHAOS_JOURNAL"; }

# Sets $started to the start time of a process that lives; fails where there is none, or only a zombie.
look_at() {
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  case $stat in *') Z '* | *') X '*) return 1 ;; esac
  set -- $stat
  shift 21
  started=$1
}

# Whoever holds the lock enters itself in a list and then looks whether anybody else in it lives. No other program may
# hold something for us here, since that could outlive us.
if [ -n "${CHAOS_HOLDERS-}" ]; then
  look_at $$ && echo "$$ $started" >>"$CHAOS_HOLDERS"
  while read -r pid was; do
    [ "$pid" != $$ ] && look_at "$pid" && [ "$started" = "$was" ] && say double "$pid"
  done <"$CHAOS_HOLDERS"
fi

say start
case $CHAOS_KIND in
  quick) echo "$CHAOS_KEY" ;;
  sleeper) sleep "$CHAOS_SECONDS" ;;
  tree)
    trap '' INT TERM
    setsid sleep 1000 &
    (setsid sh -c 'sleep 1000 & sleep 1000' &)
    sleep "$CHAOS_SECONDS"
    ;;
  cat) cat ;;
  flood) head -c 3000000 /dev/zero ;;
  escape)
    # Each in a shell of its own, since the words are split at commas.
    for daughter in $CHAOS_DAUGHTERS; do (IFS=, && exec sh "${0%/*}/escape.sh" $daughter) & done
    IFS=,
    exec sh "${0%/*}/escape.sh" $CHAOS_MAIN
    ;;
  stream) awk -v key="$CHAOS_KEY" -v lines="$CHAOS_LINES" 'BEGIN { for (i = 0; i < lines; i++) printf "%s %09d\n", key, i }' ;;
esac
say exit "$CHAOS_CODE"
exit "$CHAOS_CODE"
