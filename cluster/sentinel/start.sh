#!/bin/sh
# Starts a Redis (`start.sh redis`) or a sentinel (`start.sh sentinel`) of one watched pair, in the current folder.
#   ME, FIRST        host:port of this one, and of the Redis that is the master when nobody says otherwise
#   SENTINELS        host:port of each sentinel, with blanks between; asked by a Redis before it starts
#   REDIS_PASSWORD   of both Redis servers
#   APPENDFSYNC      of a Redis: with "everysec" a master that is back before the sentinels missed it has forgotten up to
#                    two seconds, and so has its replica then, whatever that had confirmed
#   MAXMEMORY        of a Redis; DOWN_MS, how long a sentinel waits for a silent master
set -eu
service=kinoray
host=${ME%:*} port=${ME##*:}

master() {  # host and port as the sentinels know them, another than this one as soon as any says so; else FIRST
  # For seconds after a failover not all of them know: who starts as a replica by mistake does no harm.
  known="${FIRST%:*} ${FIRST##*:}"
  for each in ${SENTINELS:-}; do
    found=$(timeout 3 redis-cli -h "${each%:*}" -p "${each##*:}" sentinel get-master-addr-by-name "$service" 2>/dev/null || true)
    case $found in *[0-9]) ;; *) continue ;; esac
    known=$(echo $found)
    [ "$known" = "$host $port" ] || break
  done
  echo "$known"
}

umask 077
if [ "$1" = sentinel ]; then
  # A sentinel keeps what it finds out in its file: it is written once, and then its own.
  if [ ! -f sentinel.conf ]; then
    cat > sentinel.conf <<END
port $port
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $host
sentinel announce-port $port
sentinel monitor $service ${FIRST%:*} ${FIRST##*:} 2
sentinel auth-pass $service $REDIS_PASSWORD
sentinel down-after-milliseconds $service ${DOWN_MS:-5000}
sentinel failover-timeout $service ${FAILOVER_MS:-30000}
sentinel parallel-syncs $service 1
protected-mode no
END
  fi
  exec redis-server sentinel.conf --sentinel
fi

set -- $(master)  # a Redis that comes back after a failover must not take writes for the moment until it is told
cat > redis.conf <<END
port $port
replica-announce-ip $host
replica-announce-port $port
requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD
appendonly yes
appendfsync ${APPENDFSYNC:-always}
maxmemory ${MAXMEMORY:-0}
maxmemory-policy noeviction
END
[ "$1:$2" = "$ME" ] || echo "replicaof $1 $2" >> redis.conf
exec redis-server redis.conf
