# Becomes a process of a task that has dropped what it could be known by, as the words say:
#   middle        has another process in between, which keeps everything and ends at a TERM
#   session       leaves session and group
#   term          ignores TERM
#   pipes         lets go of the task's pipes
#   environment   clears its environment
#   thread        ends its main thread while another one runs
# It registers before that, with pid and start time, since no later look at it could tell whose it is.
thread='import ctypes, threading, time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).pthread_exit(None)'
clear='' program=''

while [ $# -gt 0 ]; do
  word=$1
  shift
  case $word in
    middle)
      sh "$0" "$@" &
      wait
      exit
      ;;
    session) exec setsid sh "$0" "$@" ;;
    term) trap '' TERM ;;
    pipes) exec </dev/null >/dev/null 2>&1 ;;
    environment) clear='env -i' ;;
    thread) program=$CHAOS_PYTHON ;;
  esac
done

read -r stat </proc/$$/stat
set -- ${stat##*) }
echo "$CHAOS_KEY $$ ${20}" >>"$CHAOS_ESCAPED"

[ -n "$program" ] && exec $clear "$program" -ISc "$thread"
exec $clear sleep 1000
