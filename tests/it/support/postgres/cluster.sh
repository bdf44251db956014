# Runs a throw-away Postgres for as long as standard input is open, then removes it, whatever became of the process that asked for it.
# sh -c … BIN DIRECTORY PORT [-c SETTING]…; says everything on standard error. Ends early, leaving the directory, only when Postgres does.
bin=$1 directory=$2 port=$3
shift 3
exec 3<&0 </dev/null

"$bin/initdb" --pgdata "$directory/data" --username postgres --auth trust --encoding UTF8 --locale C --no-sync || exit 1

"$bin/postgres" -D "$directory/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=300 "$@" 3<&- &
server=$!

# QUIT ends it at once: nothing of it is kept. Repeated, because a shell's background job is deaf to QUIT until Postgres has installed its own handler.
(
  cat <&3
  while kill -QUIT "$server" 2>&-; do sleep 0.1; done
  rm -rf "$directory"
) &

exec 3<&-
wait "$server"
