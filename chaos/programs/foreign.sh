# A process that belongs to no task, which nobody may signal but with USR1, at which it ends.
# $1 is its name; with `member` as $2 it is left alone in the session of a leader that has exited.
say() { read -r now _ </proc/uptime && echo "$now $1 $name $$ ${2-}" >>"$CHAOS_JOURNAL"; }
name=$1

if [ "${2-}" = member ]; then
  sh "$0" "$name" &
  exit
fi

struck=''
for signal in HUP INT QUIT TERM CONT; do
  # shellcheck disable=SC2064 # the name of now
  trap "struck=\"\$struck $signal\"" $signal
done
trap exit USR1
read -r stat </proc/$$/stat
set -- ${stat##*) }
say foreign "${20} session $4"
# Nobody ever writes there: a wait without another process.
exec <>"$CHAOS_NOTHING"
while :; do
  read -r _ || { say hit "$struck" && struck=''; }
done
